"""A kubeconfig inside something else: base64, or a Secret of Kubernetes, as Cluster API and many platforms keep one."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

from togetherctl.errors import UsageError
from togetherctl.kube.kubeconfig import decoded
from togetherctl.kube.yaml_text import NotYAML, load

_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}={0,2}\s*")
# Cluster API's own key comes first.
_KEYS = ("value", "kubeconfig", "config", "admin.conf")


def unwrapped(text: str, origin: str) -> str:
    """The kubeconfig in `text`, which may be that itself. Raises UsageError for a Secret that holds none."""
    if _BASE64.fullmatch(text):
        return _from_base64(text) or text
    if "Secret" not in text:
        return text
    try:
        data = load(text)
    except NotYAML:
        return text
    if not isinstance(data, dict) or data.get("kind") != "Secret":
        return text
    for key, value in _values(data):
        inner = value if key in _mapping(data, "stringData") else _from_base64(value)
        if inner and _is_kubeconfig(inner):
            return inner
    raise UsageError(
        f"{origin} is a Secret of Kubernetes, and none of its keys holds a kubeconfig",
        hint="kubectl get secret NAME -o jsonpath='{.data.KEY}' | togetherctl init -",
    )


def _values(data: dict[str, Any]) -> list[tuple[str, str]]:
    found = {**_mapping(data, "data"), **_mapping(data, "stringData")}
    names = sorted(found, key=lambda name: _KEYS.index(name) if name in _KEYS else len(_KEYS))
    return [(name, found[name]) for name in names if isinstance(found[name], str)]


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _from_base64(text: str) -> str | None:
    try:
        return decoded(b64decode("".join(text.split()), validate=True))[0]
    except ValueError:
        return None


def _is_kubeconfig(text: str) -> bool:
    try:
        data = load(text)
    except NotYAML:
        return False
    return isinstance(data, dict) and bool(data.get("clusters"))
