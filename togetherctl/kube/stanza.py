"""What togetherctl puts into a kubeconfig: for each cluster a cluster, a context and the user that runs `get-token`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from togetherctl.environment import CONFIG, HOME
from togetherctl.errors import KubeconfigError, run
from togetherctl.kube.exec_credential import V1, V1BETA1, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.kube.context_name import Named
    from togetherctl.store.store import Cluster

Section = Literal["clusters", "contexts", "users"]
SECTIONS: tuple[Section, ...] = get_args(Section)

PROGRAM = "togetherctl"
USER_PREFIX = f"{PROGRAM}:"
_SAYS_VERSION = "--api-version"
# Variables that say which store a stanza means; others that stand in its env are its owner's.
CARRIED = (CONFIG, HOME)
_BODY = {"clusters": "cluster", "contexts": "context", "users": "user"}
_OWNED = {
    "clusters": (
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "tls-server-name",
        "proxy-url",
        "insecure-skip-tls-verify",
    ),
    "contexts": ("cluster", "user"),
    "users": ("exec",),
}
_INSTALL_HINT = """\
togetherctl is not where this kubeconfig expects it. Install it again, then run:

  togetherctl kubeconfig write
"""


@dataclass(frozen=True)
class Entry:
    """One entry of a kubeconfig that is ours to write: `body` holds every key we decide about.

    `cluster` is the cluster of the store that it is for; a user is for several. `instead` is the name of an entry of
    ours that this one takes the place of. `keeps_version`: a stanza that said v1beta1 goes on saying it.
    """

    section: Section
    name: str
    body: Mapping[str, Any]
    cluster: str | None = None
    instead: str | None = None
    keeps_version: bool = False

    def over(self, existing: Mapping[str, Any] | None) -> dict[str, Any]:
        """The entry to write over one of ours: keys we do not decide about stay as they are, in their order."""
        key = _BODY[self.section]
        before = existing.get(key) if existing else None
        body = dict(before) if isinstance(before, dict) else {}
        for name in _OWNED[self.section]:
            if name not in self.body:
                body.pop(name, None)
        for name, value in self.body.items():
            body[name] = self._over_value(name, body.get(name), value)
        others = {name: value for name, value in (existing or {}).items() if name not in (key, "name")}
        if existing and next(iter(existing)) == "name":
            return {"name": self.name, key: body, **others}
        return {key: body, "name": self.name, **others}

    def _over_value(self, name: str, before: Any, value: Any) -> Any:
        if name == "extensions" and isinstance(before, list):
            others = [item for item in before if not _is_mark(item)]
            return [*others, *value]
        if name == "exec" and isinstance(before, dict):
            return self._over_stanza(before, value)
        return value

    def _over_stanza(self, before: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Our stanza over an older one, whose owner's own variables stay."""
        if self.keeps_version and _says_version(before):
            value = _of_version(value, V1BETA1)
        if not isinstance(before.get("env"), list):
            return value
        carried = value.get("env", [])
        ours = {*CARRIED, *(item["name"] for item in carried)}
        others = [item for item in before["env"] if not (isinstance(item, dict) and item.get("name") in ours)]
        env = [*others, *carried]
        return {**value, "env": env} if env else value


def is_ours(section: Section, entry: Mapping[str, Any]) -> bool:
    """Whether togetherctl wrote or converted this entry: it bears our extension, or our user name."""
    if section == "users" and str(entry.get("name")).startswith(USER_PREFIX):
        return True
    body = entry.get(_BODY[section])
    if not isinstance(body, dict):
        return False
    if section == "contexts" and str(body.get("user")).startswith(USER_PREFIX):
        return True
    extensions = body.get("extensions")
    return any(_is_mark(item) for item in (extensions if isinstance(extensions, list) else []))


class Owner(NamedTuple):
    """Whose an entry of ours is: the cluster and the profile of the store that it names, as far as it names them."""

    cluster: str | None
    profile: str | None


def owner_of(section: Section, entry: Mapping[str, Any]) -> Owner | None:
    """Whose this entry is; None where it is not ours."""
    if not is_ours(section, entry):
        return None
    body = body_of(section, entry)
    noted = mark_of(section, entry)
    cluster, profile = noted.get("cluster"), noted.get("profile")
    user = str(entry.get("name") if section == "users" else body.get("user"))
    if section == "users" and (called := profile_called(body)) is not None:
        profile = called
    elif user.startswith(USER_PREFIX):
        profile = user.removeprefix(USER_PREFIX)
    return Owner(cluster if isinstance(cluster, str) else None, profile if isinstance(profile, str) else None)


def profile_called(body: Mapping[str, Any]) -> str | None:
    """The profile that a user's stanza gets its credential from, if it is one of togetherctl's profiles."""
    stanza = body.get("exec")
    words = stanza.get("args") if isinstance(stanza, dict) else None
    if not isinstance(words, list) or words[:1] != ["get-token"]:
        return None
    for word, following in pairwise([*words, None]):
        if word == "--profile" and isinstance(following, str):
            return following
        if isinstance(word, str) and word.startswith("--profile="):
            return word.removeprefix("--profile=")
    return None


def body_of(section: Section, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry holds beside its name."""
    body = entry.get(_BODY[section])
    return body if isinstance(body, dict) else {}


def mark_of(section: Section, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What our extension of an entry notes; empty without one."""
    extensions = body_of(section, entry).get("extensions")
    for item in extensions if isinstance(extensions, list) else []:
        if _is_mark(item) and isinstance(item.get("extension"), dict):
            return dict(item["extension"])
    return {}


def entries_for(
    cluster: Cluster,
    command: str,
    named: Named | None = None,
    *,
    env: Mapping[str, str] | None = None,
    api_version: str | None = None,
) -> list[Entry]:
    """The three entries that open `cluster` by running `command` with `env`; the context is `named`, else the store's.

    `api_version` is what the stanza says; None: what it said before, else v1.
    """
    user = f"{USER_PREFIX}{cluster.profile}"
    names = {"cluster": cluster.name, "profile": cluster.profile}
    body: dict[str, Any] = {"cluster": cluster.context, "user": user}
    if cluster.namespace:
        body["namespace"] = cluster.namespace
    context, template, instead = named or (cluster.context, None, None)
    noted = _mark(**names, template=template) if template else _mark(**names)
    return [
        Entry("clusters", cluster.context, {**_cluster_body(cluster), **_mark(**names)}, cluster.name),
        Entry("contexts", context, {**body, **noted}, cluster.name, instead),
        Entry(
            "users",
            user,
            {"exec": _of_version(stanza_for(cluster.profile, command, env or {}), api_version or V1)},
            keeps_version=api_version is None,
        ),
    ]


def stanza_for(profile: str, command: str, env: Mapping[str, str]) -> dict[str, Any]:
    """The exec stanza that gets its credential from `profile` by running `command` with `env`."""
    variables = [{"name": name, "value": value} for name, value in env.items()]
    return {
        "apiVersion": V1,
        "command": command,
        "args": ["get-token", "--profile", profile],
        **({"env": variables} if variables else {}),
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
        "installHint": _INSTALL_HINT,
    }


def _of_version(stanza: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """A stanza of ours with that apiVersion. Some clients do not tell it to us, so another than v1 stands in words."""
    said = next(name for name, version in VERSIONS.items() if version == api_version)
    words = [] if api_version == V1 else [_SAYS_VERSION, said]
    return {**stanza, "apiVersion": api_version, "args": [*stanza["args"], *words]}


def _says_version(stanza: Mapping[str, Any]) -> bool:
    words = stanza.get("args")
    return stanza.get("apiVersion") == V1BETA1 and isinstance(words, list) and _SAYS_VERSION in words


def made_ours(section: Section, entry: Mapping[str, Any], changes: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """Somebody's entry with `changes` in its body and our extension, which holds `names`; all else stays."""
    key = _BODY[section]
    body = {**entry[key], **changes}
    before = body.get("extensions")
    others = [item for item in (before if isinstance(before, list) else []) if not _is_mark(item)]
    return {**entry, key: {**body, "extensions": [*others, *_mark(**names)["extensions"]]}}


def own_command(environ: Mapping[str, str], *, portable: bool) -> str:
    """What a kubeconfig calls: the absolute path of this installation's console script, or its bare name.

    Raises KubeconfigError where there is no such script.
    """
    if portable:
        return PROGRAM
    called = Path(sys.argv[0])
    beside = Path(sys.executable).parent / (f"{PROGRAM}.exe" if sys.platform == "win32" else PROGRAM)
    if called.name.removesuffix(".exe") == PROGRAM and called.is_absolute() and called.is_file():
        return _normal(called)
    if beside.is_file():
        return _normal(beside)
    found = shutil.which(PROGRAM, path=environ.get("PATH"))
    if found:
        return _normal(Path(found).absolute())
    raise KubeconfigError(
        "the togetherctl command is not installed, so a kubeconfig could not call it",
        hint=run(
            "togetherctl", "kubeconfig", "write", "--portable", words="install togetherctl, or write the bare name"
        ),
    )


def _normal(path: Path) -> str:
    """The path without `..`, because kubectl's list of plugins takes no other."""
    normal = Path(os.path.normpath(path))
    return str(normal if normal.is_file() and normal.samefile(path) else path.resolve())


def _cluster_body(cluster: Cluster) -> dict[str, Any]:
    body = {
        "server": cluster.server,
        "certificate-authority-data": "".join(cluster.ca_data.split()) if cluster.ca_data else None,
        "certificate-authority": str(cluster.ca_file) if cluster.ca_file else None,
        "tls-server-name": cluster.tls_server_name,
        # client-go has no socks5h, and looks names up at the proxy for socks5.
        "proxy-url": cluster.proxy_url and re.sub(r"^(?i:socks5h):", "socks5:", cluster.proxy_url),
        "insecure-skip-tls-verify": cluster.insecure or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _mark(**names: str) -> dict[str, Any]:
    return {"extensions": [{"name": PROGRAM, "extension": names}]}


def _is_mark(item: object) -> bool:
    return isinstance(item, dict) and item.get("name") == PROGRAM
