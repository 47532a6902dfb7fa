"""Read an issuer's URL as people type and paste it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from togetherctl.config.value_checks import issuer_url
from togetherctl.errors import UsageError

METADATA_PATH = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class TypedIssuer:
    """An issuer's URL; `pasted_metadata`: it was made of the address of its metadata, so a slash may be missing."""

    issuer: str
    pasted_metadata: bool = False


def parse_typed_issuer(text: str) -> TypedIssuer:
    """The issuer that is meant. Raises UsageError where it cannot be one, and says what could."""
    url = text.strip()
    if "://" not in url:
        raise UsageError("an issuer is a URL that begins with https://", hint=_suggest(f"https://{url}"))
    before, found, _ = url.partition(METADATA_PATH)
    issuer = before if found else url
    try:
        issuer_url(issuer)
    except ValueError as error:
        raise UsageError(f"the issuer URL {error}", hint=_suggest(issuer)) from None
    return TypedIssuer(issuer, pasted_metadata=bool(found))


def same_but_for_slash(one: str, other: str) -> bool:
    """Whether two issuers differ in nothing but slashes at the end."""
    return one != other and one.rstrip("/") == other.rstrip("/")


def _suggest(url: str) -> str | None:
    """What could be meant, without what may be a password; None where nothing of the kind is there."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        clean = parts._replace(scheme="https", netloc=host, query="", fragment="").geturl()
        issuer_url(clean)
    except ValueError:
        return None
    return f"did you mean {clean}?"
