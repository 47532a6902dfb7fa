"""Check the tables that flags make without the library that checks the configuration, which takes long to load.

What passes here is what passes there, with the same checks of each value. What does not is left to that library, which
says what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from togetherctl.config import value_checks
from togetherctl.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class PlainIssuer:
    """An issuer's table, as far as flags fill it in."""

    url: str
    ca_file: tuple[str, ...] | None
    ca_data: str | None
    insecure_skip_tls_verify: bool
    request_headers: Mapping[str, str] = field(repr=False)
    proxy: None = None


@dataclass(frozen=True)
class PlainProfile:
    """A profile's table, as far as flags fill it in."""

    issuer: str
    client_id: str
    scopes: list[str]
    offline_access: str
    grant: str
    token: str
    storage: str
    username: str | None
    auth_params: Mapping[str, str]
    account: None = None
    session: None = None


def check_plainly(issuer: Mapping[str, Any], profile: Mapping[str, Any]) -> tuple[PlainIssuer, PlainProfile] | None:
    """Both tables, if every text in them is right; None where one is not."""
    try:
        for check, texts in (
            (value_checks.issuer_url, [issuer["url"]]),
            (value_checks.path, issuer["ca_file"] or ()),
            (value_checks.ca_data, [issuer["ca_data"]] if issuer["ca_data"] is not None else ()),
            (value_checks.header_name, issuer["request_headers"]),
            (value_checks.header_value, issuer["request_headers"].values()),
            (value_checks.text, [profile["client_id"]]),
            (value_checks.scope, profile["scopes"]),
            (value_checks.text, [profile["username"]] if profile["username"] is not None else ()),
            (value_checks.auth_parameter, profile["auth_params"]),
            (_any_text, profile["auth_params"].values()),
        ):
            for text in texts:
                if check(_any_text(text)) != text:
                    return None
    except ValueError:
        return None
    return PlainIssuer(**issuer), PlainProfile(**profile)


def _any_text(value: str) -> str:
    # Bytes on a command line that are no UTF-8 are no text; UnicodeEncodeError is a ValueError.
    value.encode()
    return value
