"""Tell why kubectl could not load a kubeconfig, or use an entry of it: the rules of client-go 0.37.

What breaks the first kind ends every kubectl command whatever the context (LoadFromFile of tools/clientcmd, with the
types of its api/v1), what breaks the second those that use the entry (its validation.go, and transport/transport.go).
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from togetherctl.kube.entries import SECTIONS, Section
from togetherctl.kube.exec_credential import V1, VERSIONS
from togetherctl.kube.yaml_nodes import walk
from togetherctl.kube.yaml_text import YamlText, node_at
from togetherctl.printable import printable

Word = Literal["text", "switch", "base64", "anything"]
# A mapping of some keys, a list or a mapping of alike values (under "*"), or a value.
Shape = Word | dict[str, Any] | list[Any]
Path = tuple[str | int, ...]

_EXTENSIONS: Shape = [{"name": "text", "extension": "anything"}]
_CLUSTER: Shape = {
    **dict.fromkeys(("server", "tls-server-name", "certificate-authority", "proxy-url"), "text"),
    **dict.fromkeys(("insecure-skip-tls-verify", "disable-compression"), "switch"),
    "certificate-authority-data": "base64",
    "extensions": _EXTENSIONS,
}
_CONTEXT: Shape = {**dict.fromkeys(("cluster", "user", "namespace"), "text"), "extensions": _EXTENSIONS}
_EXEC: Shape = {
    **dict.fromkeys(("command", "apiVersion", "installHint", "interactiveMode"), "text"),
    "args": ["text"],
    "env": [{"name": "text", "value": "text"}],
    "provideClusterInfo": "switch",
}
_USER: Shape = {
    **dict.fromkeys(("client-certificate", "client-key", "token", "tokenFile", "as", "as-uid"), "text"),
    **dict.fromkeys(("username", "password"), "text"),
    **dict.fromkeys(("client-certificate-data", "client-key-data"), "base64"),
    "as-groups": ["text"],
    "as-user-extra": {"*": ["text"]},
    "auth-provider": {"name": "text", "config": {"*": "text"}},
    "exec": _EXEC,
    "extensions": _EXTENSIONS,
}
_CONFIG: Shape = {
    **dict.fromkeys(("kind", "apiVersion", "current-context"), "text"),
    "preferences": {"colors": "switch", "extensions": _EXTENSIONS},
    "clusters": [{"name": "text", "cluster": _CLUSTER}],
    "contexts": [{"name": "text", "context": _CONTEXT}],
    "users": [{"name": "text", "user": _USER}],
    "extensions": _EXTENSIONS,
}
_EXPECTED = {"text": "text, in quotes if need be", "switch": "true or false", "base64": "base64"}
_PROXIES = ("http", "https", "socks5")
_MODES = ("Never", "IfAvailable", "Always")
# What JSON may escape and Go's YAML does not know.
_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:/|u[dD][89a-fA-F])")


def unreadable(text: YamlText) -> str | None:
    """Why kubectl cannot read a kubeconfig at all, with the line; None where it can."""
    return next((f"line {_line(text, path)}: {reason}" for path, reason in _problems(text)), None)


def unusable(section: Section, entry: Mapping[str, Any]) -> str | None:
    """Why kubectl could not use this entry; None where it can, as far as the entry alone tells."""
    body = entry.get(section[:-1])
    if not isinstance(body, dict):
        return f"it has no {section[:-1]}"
    check = {"clusters": _check_cluster, "contexts": _check_context, "users": _check_user}[section]
    return next((reason for reason, wrong in check(body).items() if wrong), None)


def _problems(text: YamlText) -> Iterator[tuple[Path, str]]:
    if text.root is not None:
        directive = re.search(r"(?m)^%YAML\s+(\S+)", text.original[: text.root.start])
        if directive and directive[1] != "1.1":
            yield (), f"%YAML {printable(directive[1])} is no version that kubectl reads; take the line out"
        for node in walk(text.root):
            source = text.original[node.start : node.end]
            if node.kind == "scalar" and not node.plain and '"' in source[:1] and _ESCAPE.search(source):
                yield (), f"an escape that kubectl does not know (line {node.line}); write the character itself"
    yield from _impossible_numbers(text.data, ())
    for key, wanted in (("kind", "Config"), ("apiVersion", "v1")):
        if isinstance(said := text.data.get(key), str) and said not in ("", wanted):
            yield (key,), f"{key} must be {wanted}"
    yield from _wrong_types(text.data, _CONFIG, ())
    for section in SECTIONS:
        seen: set[object] = set()
        for at, item in enumerate(text.data.get(section) or []):
            name = (item or {}).get("name") or ""
            if name in seen:
                called = f"called {printable(name)}" if name else "without a name"
                yield (section, at), f"there are two {section} {called}, which kubectl refuses"
            seen.add(name)


def _impossible_numbers(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path, "a number that JSON cannot hold; put it in quotes"
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _impossible_numbers(item, (*path, key))


def _wrong_types(value: Any, shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
    """What is of another type than client-go's own; nothing at all fits everywhere."""
    match shape, value:
        case ("anything", _) | (_, None):
            return
        case str(word), _:
            if not _fits(value, word):
                yield path, f"{_describe(path)} must be {_EXPECTED[word]}"
        case [item_shape], list(items):
            for at, item in enumerate(items):
                yield from _wrong_types(item, item_shape, (*path, at))
        case dict(keys), dict(entries):
            rest: Shape = keys.get("*", "anything")
            for key, item in entries.items():
                yield from _wrong_types(item, keys.get(key, rest), (*path, key))
        case _:
            kind = "list" if isinstance(shape, list) else "mapping"
            yield path, f"{_describe(path)} must be a {kind}"


def _fits(value: object, word: Word) -> bool:
    if word == "switch":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if word == "base64":
        try:
            b64decode(re.sub(r"[\r\n]", "", value), validate=True)
        except ValueError:
            return False
    return True


def _describe(path: Path) -> str:
    words = [str(step) for step in path if isinstance(step, str)]
    last = printable(words[-1]) if words else "the file"
    return f"an entry of {last}" if path and isinstance(path[-1], int) else last


def _line(text: YamlText, path: Path) -> int:
    for length in range(len(path), -1, -1):
        node = node_at(text, *path[:length])
        if node is not None:
            return node.line
    return 1


def _check_cluster(body: Mapping[str, Any]) -> dict[str, object]:
    authorities = [key for key in ("certificate-authority", "certificate-authority-data") if body.get(key)]
    proxy = body.get("proxy-url")
    return {
        "it has no server": not body.get("server"),
        "it has a certificate-authority and certificate-authority-data; keep one": len(authorities) > 1,
        "it has a certificate authority and insecure-skip-tls-verify; keep one": (
            authorities and body.get("insecure-skip-tls-verify")
        ),
        f"its proxy-url must begin with {', '.join(f'{known}://' for known in _PROXIES)}": (
            isinstance(proxy, str) and proxy and _scheme(proxy) not in _PROXIES
        ),
    }


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _check_context(body: Mapping[str, Any]) -> dict[str, object]:
    return {f"it names no {key}": not body.get(key) for key in ("cluster", "user")}


def _check_user(body: Mapping[str, Any]) -> dict[str, object]:
    stanza = body.get("exec")
    if not isinstance(stanza, dict):
        return {}
    version, mode = stanza.get("apiVersion"), stanza.get("interactiveMode")
    variables = stanza.get("env") or []
    return {
        "it has an auth-provider and exec; keep one": body.get("auth-provider"),
        "its exec has no command": not stanza.get("command"),
        f"the apiVersion of its exec must be {' or '.join(VERSIONS.values())}": version not in VERSIONS.values(),
        f"the interactiveMode of its exec must be {', '.join(_MODES)}": mode not in _MODES and (mode or version == V1),
        "a variable in env of its exec has no name": any(
            not (isinstance(item, dict) and item.get("name")) for item in variables
        ),
    }
