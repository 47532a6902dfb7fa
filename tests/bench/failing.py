"""An issuer that fails one refresh in five, each in another way, and can be away for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from joserfc.jwk import KeySet

from tests.support.issuer import Asked, Reply, ScriptedIssuer

if TYPE_CHECKING:
    import ssl

    from tests.support.canary import Canary

ONE_IN = 5


class FailingIssuer(ScriptedIssuer):
    """Fails before it rotates: whoever is failed still holds a good refresh token, and need never use one twice.

    A refresh token that is used twice is answered with `invalid_grant`, and counted as `reused`.
    """

    def __init__(self, *, clock: Callable[[], float], canary: Canary, tls: ssl.SSLContext | None = None) -> None:
        self.refreshes = self.failed = self.reused = 0
        self._counting = threading.Lock()
        super().__init__(clock=clock, canary=canary, tls=tls)

    def answer(self, asked: Asked) -> Reply:
        if asked.form.get("grant_type") != "refresh_token":
            return super().answer(asked)
        with self._counting:
            self.refreshes += 1
            fails = self.refreshes % ONE_IN == 0
            way = self.failed % 4
            self.failed += fails
            if not fails:
                reply = super().answer(asked)
                self.reused += reply.status == 400
                return reply
        match way:
            case 0:
                return Reply(500, {"error": "server_error"})
            case 1:
                return Reply(503, b"<html>Service Unavailable</html>", {"Content-Type": "text/html"})
            case 2:
                return Reply(429, {"error": "slow_down"}, {"Retry-After": "1"})
            case _:
                # Ends this connection's thread, which closes the connection without an answer.
                raise SystemExit

    def public_keys(self, *, refetch: bool = False) -> dict[str, Any]:
        """The JWK Set, as an API server has it that fetched it before the issuer went away."""
        return dict(KeySet([self.key]).as_dict(private=False))
