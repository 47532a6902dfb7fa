"""A kubeconfig's text as it may be shown: without what anybody could log in with."""

from __future__ import annotations

import re

from togetherctl.kube.yaml_nodes import scalars

_HIDDEN = "(hidden)"
_KEYS = frozenset(
    {
        "token",
        "password",
        "client-key-data",
        "client-certificate-data",
        "client-secret",
        "id-token",
        "refresh-token",
        "access-token",
    }
)
# Flags of any credential plugin; a few of kubelogin's that sound like one and are none.
_FLAG = re.compile(
    r"--?(?!token-cache-|oidc-use-access-token)[\w-]*(secret|passw|token|credential|header|api-key)[\w-]*"
)
_URL_WITH_PASSWORD = re.compile(r"(://[^/@\s:]*):[^/@\s]+@")


def without_credentials(text: str) -> str:
    """The text with every value hidden that is, or may hold, a credential in a kubeconfig."""
    found = list(scalars(text))
    values = {scalar.path: scalar.value for scalar in found}
    # By place: an alias is the same scalar once more.
    covers = {
        (scalar.start, scalar.end): cover
        for scalar in found
        if (cover := _cover(scalar.path, scalar.value, values)) is not None
    }
    for start, end in sorted(covers, reverse=True):
        text = text[:start] + covers[start, end] + text[end:]
    return text


def _cover(path: tuple[str | int, ...], value: str, values: dict[tuple[str | int, ...], str]) -> str | None:
    """What to show instead of a scalar; None where it may be shown."""
    if not _KEYS.isdisjoint(path) or (path[-1:] == ("value",) and path[-3:-2] == ("env",)):
        return _HIDDEN
    if path[-2:-1] == ("args",) and isinstance(path[-1], int):
        flag, equals, _ = value.partition("=")
        if equals and _FLAG.fullmatch(flag):
            return f"{flag}={_HIDDEN}"
        before = values.get((*path[:-1], path[-1] - 1), "")
        if _FLAG.fullmatch(before) and not value.startswith("-"):
            return _HIDDEN
    without = _URL_WITH_PASSWORD.sub(rf"\1:{_HIDDEN}@", value)
    return without if without != value else None
