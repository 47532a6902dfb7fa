"""Hide credentials in the text of a kubeconfig before it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from togetherctl.kube.yaml_nodes import Node, NotYAML
from togetherctl.kube.yaml_parse import documents

_Scalar: TypeAlias = "tuple[tuple[str | int, ...], Node]"
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
    """The text with every value hidden that is, or may hold, a credential in a kubeconfig, in all its documents."""
    found: list[_Scalar] = []
    read = 0
    try:
        for document in documents(text):
            if document.root is not None:
                found += _scalars(document.root, ())
            read = document.end
    except NotYAML:
        # What cannot be read behind the document that counts may be anything.
        text = text[:read] + _HIDDEN
    values = {path: node.text for path, node in found}
    # By place: an alias is the same scalar once more.
    replacements = {
        (node.start, node.end): replacement
        for path, node in found
        if (replacement := _replacement(path, node.text, values)) is not None
    }
    for start, end in sorted(replacements, reverse=True):
        text = text[:start] + replacements[start, end] + text[end:]
    return text


def _scalars(node: Node, path: tuple[str | int, ...]) -> Iterator[_Scalar]:
    """Every scalar with the keys and places that lead to it, an alias at its anchor."""
    node = node.target or node
    if node.kind == "scalar":
        yield path, node
    for place, item in enumerate(node.items):
        yield from _scalars(item, (*path, place))
    for key, value in node.pairs:
        yield from _scalars(value, (*path, key.text))


def _replacement(path: tuple[str | int, ...], value: str, values: dict[tuple[str | int, ...], str]) -> str | None:
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
