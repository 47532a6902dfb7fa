"""Make the entries of togetherctl in a kubeconfig: a cluster, a context and a user that runs `get-token`.

The user's `exec` is described in https://kubernetes.io/docs/reference/access-authn-authz/authentication/ under
"client-go credential plugins".
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from togetherctl.config.config import Cluster
from togetherctl.environment import CONFIG, HOME
from togetherctl.errors import KubeconfigError, run
from togetherctl.kube.context_name import Named
from togetherctl.kube.exec_credential import V1, V1BETA1, VERSIONS
from togetherctl.paths import single_file

Section = Literal["clusters", "contexts", "users"]
SECTIONS: tuple[Section, ...] = get_args(Section)

PROGRAM = "togetherctl"
USER_PREFIX = f"{PROGRAM}:"
_VERSION_FLAG = "--api-version"
# Variables that tell a stanza which configuration file it uses; its owner sets all others.
CARRIED = (CONFIG, HOME)
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

    `cluster` is the cluster of the configuration that it is for; a user is for several. `instead` is the name of an
    entry of ours that this one takes the place of. `keeps_version`: a stanza that said v1beta1 goes on saying it.
    `without` are keys that go.
    """

    section: Section
    name: str
    body: Mapping[str, Any]
    cluster: str | None = None
    instead: str | None = None
    keeps_version: bool = False
    without: tuple[str, ...] = ()

    def over(self, existing: Mapping[str, Any] | None) -> dict[str, Any]:
        """The entry to write over one of ours: keys we do not decide about stay as they are, in their order."""
        key = self.section[:-1]
        before = body_of(self.section, existing or {})
        leaving = {*_OWNED[self.section], *self.without} - self.body.keys()
        body = {name: value for name, value in before.items() if name not in leaving}
        body |= {name: self._merge_value(name, before.get(name), value) for name, value in self.body.items()}
        others = {name: value for name, value in (existing or {}).items() if name not in (key, "name")}
        if existing and next(iter(existing)) == "name":
            return {"name": self.name, key: body, **others}
        return {key: body, "name": self.name, **others}

    def _merge_value(self, name: str, before: Any, value: Any) -> Any:
        if name == "extensions":
            return [*_other_extensions(before), *value]
        return self._merge_stanza(before, value) if name == "exec" and isinstance(before, dict) else value

    def _merge_stanza(self, before: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Our stanza over an older one, whose owner's own variables stay."""
        says_version = before.get("apiVersion") == V1BETA1 and _VERSION_FLAG in list_or_empty(before.get("args"))
        if self.keeps_version and says_version:
            value = _set_version(value, V1BETA1)
        carried = value.get("env", [])
        if "env" in before and not before["env"] and not carried:
            # kubectl writes `env: null` into every stanza when it changes a kubeconfig.
            return {**value, "env": before["env"]}
        if not isinstance(before.get("env"), list):
            return value
        ours = {*CARRIED, *(item["name"] for item in carried)}
        others = [item for item in before["env"] if not (isinstance(item, dict) and item.get("name") in ours)]
        env = [*others, *carried]
        return {**value, "env": env} if env else value


def list_or_empty(value: object) -> list[Any]:
    """The value where it is a list; a person may have put anything there."""
    return value if isinstance(value, list) else []


def mapping_or_empty(value: object) -> dict[str, Any]:
    """The value where it is a mapping; a person may have put anything there."""
    return value if isinstance(value, dict) else {}


def is_our_entry(section: Section, entry: Mapping[str, Any]) -> bool:
    """Whether togetherctl wrote or converted this entry: it has our extension, or the name of our user."""
    extensions = list_or_empty(body_of(section, entry).get("extensions"))
    return _user_of(section, entry).startswith(USER_PREFIX) or any(map(_is_mark, extensions))


class StanzaOwner(NamedTuple):
    """The cluster and the profile that an entry of ours names, as far as it names them."""

    cluster: str | None
    profile: str | None


def owner_of(section: Section, entry: Mapping[str, Any]) -> StanzaOwner | None:
    """Whose this entry is; None where it is not ours."""
    if not is_our_entry(section, entry):
        return None
    mark, user = mark_of(section, entry), _user_of(section, entry)
    cluster, profile = mark.get("cluster"), mark.get("profile")
    named = profile_of_stanza(body_of(section, entry)) if section == "users" else None
    if named is not None:
        profile = named
    elif user.startswith(USER_PREFIX):
        profile = user.removeprefix(USER_PREFIX)
    return StanzaOwner(cluster if isinstance(cluster, str) else None, profile if isinstance(profile, str) else None)


def profile_of_stanza(body: Mapping[str, Any]) -> str | None:
    """The profile that a user's stanza gets its credential from, if it is one of togetherctl's profiles."""
    words = list_or_empty(mapping_or_empty(body.get("exec")).get("args"))
    if words[:1] != ["get-token"]:
        return None
    for word, following in pairwise([*words, None]):
        if word == "--profile" and isinstance(following, str):
            return following
        if isinstance(word, str) and word.startswith("--profile="):
            return word.removeprefix("--profile=")
    return None


def body_of(section: Section, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry holds beside its name."""
    return mapping_or_empty(entry.get(section[:-1]))


def mark_of(section: Section, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What our extension of an entry says; empty without one."""
    marks = filter(_is_mark, list_or_empty(body_of(section, entry).get("extensions")))
    return next((dict(item["extension"]) for item in marks if isinstance(item.get("extension"), dict)), {})


def entries_for(
    cluster: Cluster,
    command: str,
    named: Named | None = None,
    *,
    env: Mapping[str, str] | None = None,
    api_version: str | None = None,
) -> list[Entry]:
    """The three entries that open `cluster` by running `command` with `env`.

    The context is called `named`, else as the configuration says. `api_version` is what the stanza says; None: what it
    said before, else v1.
    """
    user = f"{USER_PREFIX}{cluster.profile}"
    names = {"cluster": cluster.name, "profile": cluster.profile}
    body: dict[str, Any] = {"cluster": cluster.context, "user": user}
    if cluster.namespace:
        body["namespace"] = cluster.namespace
    context, template, instead = named or (cluster.context, None, None)
    mark = _mark(**names, template=template) if template else _mark(**names)
    return [
        Entry("clusters", cluster.context, {**_cluster_body(cluster), **_mark(**names)}, cluster.name),
        Entry("contexts", context, {**body, **mark}, cluster.name, instead),
        Entry(
            "users",
            user,
            {"exec": _set_version(stanza_for(cluster.profile, command, env or {}), api_version or V1)},
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


def _set_version(stanza: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """A stanza of ours with that apiVersion. Some clients do not pass it on, so an argument names any but v1."""
    short = next(name for name, version in VERSIONS.items() if version == api_version)
    words = [] if api_version == V1 else [_VERSION_FLAG, short]
    return {**stanza, "apiVersion": api_version, "args": [*stanza["args"], *words]}


def mark_as_ours(
    section: Section, entry: Mapping[str, Any], changes: Mapping[str, Any], **names: str
) -> dict[str, Any]:
    """An entry of any owner with `changes` in its body and our extension, which holds `names`; all else stays."""
    body = {**entry[section[:-1]], **changes}
    extensions = [*_other_extensions(body.get("extensions")), *_mark(**names)["extensions"]]
    return {**entry, section[:-1]: {**body, "extensions": extensions}}


def own_command(environ: Mapping[str, str], *, portable: bool) -> str:
    """What a kubeconfig calls: the absolute path of this installation's console script, or its bare name.

    Raises KubeconfigError where there is no such script.
    """
    if portable:
        return PROGRAM
    if file := single_file(environ):
        return _command_of_single_file(file, environ)
    running = Path(sys.argv[0])
    beside = Path(sys.executable).parent / (f"{PROGRAM}.exe" if sys.platform == "win32" else PROGRAM)
    if running.name.removesuffix(".exe") == PROGRAM and running.is_absolute() and running.is_file():
        return _normalize(running)
    if beside.is_file():
        return _normalize(beside)
    if found := shutil.which(PROGRAM, path=environ.get("PATH")):
        return _normalize(Path(found).absolute())
    raise KubeconfigError(
        "the togetherctl command is not installed, so a kubeconfig could not call it",
        hint=run(
            "togetherctl", "kubeconfig", "write", "--portable", words="install togetherctl, or write the bare name"
        ),
    )


def _command_of_single_file(file: Path, environ: Mapping[str, str]) -> str:
    """The path of the single file, or of a link to it on PATH, which is there after an upgrade: Debian's or krew's.

    Never what it has unpacked: that is of one version, and caches are emptied.
    """
    for folder in filter(os.path.isabs, environ.get("PATH", "").split(os.pathsep)):
        for name in (PROGRAM, "kubectl-together"):
            link = Path(folder, name)
            if link.is_file() and link.samefile(file):
                return _normalize(link)
    return str(file)


def _normalize(path: Path) -> str:
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


def _other_extensions(extensions: object) -> list[Any]:
    """The extensions that are not ours."""
    return [item for item in list_or_empty(extensions) if not _is_mark(item)]


def _user_of(section: Section, entry: Mapping[str, Any]) -> str:
    """The name of the user that an entry is or names."""
    return str(entry.get("name") if section == "users" else body_of(section, entry).get("user"))
