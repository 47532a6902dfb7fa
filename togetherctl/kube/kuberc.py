"""Read and change kubectl's file kuberc: which credential plugins kubectl 1.35 to 1.37 may run.

Only the first document counts, and only under its head. An absolute path in the list must be a normal one, or every
kubectl command ends with an error; it allows that very path, while a bare name allows nothing but itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from togetherctl.environment import KUBECTL_KUBERC, KUBERC
from togetherctl.errors import KubeconfigError
from togetherctl.kube.entries import list_or_empty
from togetherctl.kube.kubeconfig import KubeconfigChange, KubeconfigFile
from togetherctl.kube.yaml_text import YamlText
from togetherctl.paths import expand

Key = Literal["command", "name"]

POLICY, LIST = "credentialPluginPolicy", "credentialPluginAllowlist"
HEAD = "kubectl.config.k8s.io/v1beta1"
_OLD_HEAD = "kubectl.config.k8s.io/v1alpha1"
_NEW = f"apiVersion: {HEAD}\nkind: Preference\n{POLICY}: Allowlist\n"
# What both heads read alike.
_ALIKE = frozenset({"apiVersion", "kind", "aliases"})


def locate_kuberc(environ: Mapping[str, str]) -> Path | None:
    """Where kubectl looks for its preferences; None where it is told to use none."""
    named = environ.get(KUBERC, "")
    if named == "off" or environ.get(KUBECTL_KUBERC, "").lower() in ("false", "0"):
        return None
    return expand(named or "~/.kube/kuberc", environ)


class Kuberc(KubeconfigFile):
    """The file as it was read; it has none of a kubeconfig's lists."""

    lists = ()
    what = "a kuberc"
    form = f"a kuberc: a YAML file of kind Preference and {HEAD}"

    def forbids(self, command: str) -> str | None:
        """Why kubectl runs no credential plugin `command`, in words that follow the file's name; None where it does."""
        data = self.text.data
        if data.get("apiVersion") != HEAD:
            return None
        policy = data.get(POLICY) or ""
        if policy != "Allowlist":
            return f"says {POLICY}: DenyAll" if policy == "DenyAll" else None
        wanted = os.path.normpath(command) if Path(command).is_absolute() else command
        return None if wanted in self._list_allowed() else f"does not have {wanted} in its {LIST}"

    def fault(self) -> str | None:
        """Why every kubectl command fails with this policy and list, in words that follow the file's name."""
        data = self.text.data
        if data.get("apiVersion") != HEAD:
            return None
        policy, listed = data.get(POLICY) or "", data.get(LIST)
        if policy not in ("", "AllowAll", "DenyAll", "Allowlist"):
            return f"says {POLICY}: {policy}, which kubectl does not know"
        if policy != "Allowlist":
            return f"has a {LIST}, which goes with {POLICY}: Allowlist alone" if listed is not None else None
        if not listed:
            return f"says {POLICY}: Allowlist and has no {LIST}"
        allowed = [str(entry) for item in list_or_empty(listed) for entry in _words(item)]
        wrong = next((entry for entry in allowed if os.sep in entry and os.path.normpath(entry) != entry), None)
        return f"has {wrong} in its {LIST}, which is no normal path" if wrong else None

    def allowing(self, commands: Sequence[str], key: Key) -> KubeconfigChange:
        """The file in which these may run, and what was allowed before. Raises KubeconfigError."""
        text, data = self.text, self.text.data
        if text.root is None:
            # Whatever comments there are stay above.
            above = (self.original or "").rstrip("\n")
            text = YamlText(f"{above}\n{_NEW}" if above else _NEW)
        elif data.get("apiVersion") == _OLD_HEAD and data.keys() <= _ALIKE:
            text.put_scalar("apiVersion", HEAD)
        elif data.get("apiVersion") != HEAD or data.get("kind") != "Preference":
            raise KubeconfigError(
                f"the first document of {self.path} is not of kind Preference and {HEAD}, and kubectl looks for its "
                "list nowhere else",
                hint=f"write it as {HEAD}, in which overrides are called defaults; then run this again",
            )
        text.put_scalar(POLICY, "Allowlist")
        there = self._list_allowed()
        for command in commands:
            if command not in there:
                text.add(LIST, {key: command})
        return KubeconfigChange(self.path, self.original or "", self.apply_edits(text), self.encoding)

    def _list_allowed(self) -> list[Any]:
        """The commands and names in the list."""
        items = [item for item in list_or_empty(self.text.data.get(LIST)) if isinstance(item, dict)]
        return [item.get(key) for item in items for key in ("command", "name")]


def _words(item: object) -> list[object]:
    return [word for key in ("command", "name") if (word := item.get(key))] if isinstance(item, dict) else []
