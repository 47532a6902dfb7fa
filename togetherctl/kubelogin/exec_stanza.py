"""Recognise the exec stanzas of kubelogin and together-kubelogin in a kubeconfig."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.flags import Flags

_PLUGINS = {"together-login": PLUGIN, "oidc-login": "kubectl oidc-login"}
_PROGRAMS = {
    "kubectl-together_login": PLUGIN,
    "kubectl-oidc_login": "kubectl oidc-login",
    "kubelogin": "kubelogin",
}
# Azure's program of the same name logs in by other flags.
_AZURE = re.compile(r"--?(login|server-id|environment|tenant-id|pop-enabled)(=|$)|-l$")


@dataclass(frozen=True)
class OldStanza:
    """What a stanza runs: the program as people call it, what follows `get-token`, and the variables set for it.

    `reads_environment` where this program takes its client secret from `OIDC_CLIENT_SECRET`; `flags` where the user
    says them without a program. The repr shows neither arguments nor variables.
    """

    program: str
    arguments: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    reads_environment: bool
    flags: Flags | None = field(default=None, repr=False)


def old_stanza(user: Mapping[str, Any]) -> OldStanza | None:
    """The stanza of a user entry, None where it is another program's or ours."""
    body = user.get("user")
    stanza = body.get("exec") if isinstance(body, dict) else None
    if not isinstance(stanza, dict) or not isinstance(stanza.get("command"), str):
        return None
    words = [str(word) for word in _list(stanza.get("args")) if isinstance(word, (str, int, float))]
    name = _name_of(stanza["command"])
    if name == "kubectl" and words and words[0] in _PLUGINS:
        program, words = _PLUGINS[words[0]], words[1:]
    elif name in _PROGRAMS:
        program = _PROGRAMS[name]
    else:
        return None
    # A stanza with a profile is ours.
    if "get-token" not in words or any(_AZURE.match(word) or word.split("=")[0] == "--profile" for word in words):
        return None
    words.remove("get-token")
    env = {
        item["name"]: item["value"]
        for item in _list(stanza.get("env"))
        if isinstance(item, dict) and isinstance(item.get("name"), str) and isinstance(item.get("value"), str)
    }
    return OldStanza(program, tuple(words), env, reads_environment=program == PLUGIN)


def _name_of(command: str) -> str:
    """The program's name without its folder and ending, on either side's paths."""
    return re.sub(r"(?i)\.exe$", "", re.split(r"[/\\]", command)[-1])


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
