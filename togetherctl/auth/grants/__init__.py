"""Ways to a first token, one file each (RFC 6749, 1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.auth.answers import TokenAnswer
    from togetherctl.auth.session import Session


class Accept(Protocol):
    """Verifies tokens and makes the session they mean; `nonce` is compared where the grant has one."""

    def __call__(self, answer: TokenAnswer, scopes: Sequence[str], nonce: str | None = None, /) -> Session:
        """Raises Untrusted."""
