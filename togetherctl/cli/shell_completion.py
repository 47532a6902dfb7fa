"""Complete verbs, options, choices and names of the configuration in bash, zsh and fish.

click finds out what is being completed. What it cannot know, it is told here in one place: an argument or option is
known by its name and by its metavar in the help text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    _resolve_context,
    _resolve_incomplete,
    split_arg_string,
)

from togetherctl.cli.verbosity import take_verbosity
from togetherctl.environment import COMPLETING

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.config.types import Kind

SHELLS = ("bash", "zsh", "fish")
_KINDS: tuple[Kind, ...] = ("profile", "issuer", "cluster")
# By the word in the help text, brackets and dots apart.
_KIND_OF_WORD: dict[str, Kind | Literal["bundle"]] = {
    "PROFILE": "profile",
    "CLUSTER": "cluster",
    "BUNDLE": "bundle",
    "ISSUER": "issuer",
    "NAME_OR_URL": "issuer",
    "URL_OR_NAME": "issuer",
}
_FILES = {"FILE": "file", "SOURCE": "file", "DIR": "dir"}

# COMP_WORDS is of no use: bash cuts words at each of COMP_WORDBREAKS, and names may hold an @.
_BASH = """\
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            plain) COMPREPLY+=("$value") ;;
            file) compopt -o default 2>/dev/null ;;
            dir) compopt -o dirnames 2>/dev/null ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "${1/#\\~/$HOME}" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null || complete -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    source_template = _BASH

    def __init__(self, environ: Mapping[str, str], *args: Any) -> None:
        super().__init__(*args)
        self._environ = environ
        self._before = ""

    def source(self) -> str:
        """The script, without asking which bash is here: it may be for another machine."""
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        line = self._environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        # Bash replaces only what follows the last of these, an @ itself too (readline's special prefixes).
        breaks = self._environ.get("COMP_WORDBREAKS", "")
        last = max((incomplete.rfind(char) for char in breaks), default=-1)
        self._before = incomplete[: last if incomplete[last : last + 1] == "@" else last + 1]
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        value = str(item.value)
        return f"{item.type},{value.removeprefix(self._before)}"


def script(shell: str, root: click.Group) -> str:
    """The script that `shell` (bash, zsh or fish) runs once."""
    return _completer(shell, root, {}, {}).source()


def complete(app: App, instruction: str, root: click.Group) -> str:
    """The answer to a shell's `instruction`, such as `zsh_complete`; nothing at all where anything goes wrong."""
    shell, _, wanted = instruction.partition("_")
    if wanted != "complete" or shell not in SHELLS:
        return ""
    completer = _completer(shell, root, {"obj": app}, app.environ)
    try:
        arguments, incomplete = completer.get_completion_args()
        items = completions(app, root, arguments, incomplete)
    except Exception:  # noqa: BLE001 # a person is typing: an error would spoil the line
        return ""
    return "".join(f"{completer.format_completion(item)}\n" for item in items)


def completions(app: App, root: click.Group, arguments: list[str], incomplete: str) -> list[CompletionItem[Any]]:
    """What `incomplete` may become after `arguments`."""
    _, arguments = take_verbosity(arguments)
    context = _resolve_context(root, {"obj": app}, "togetherctl", arguments)
    wanted, incomplete = _resolve_incomplete(context, arguments, incomplete)
    if isinstance(wanted, click.Parameter):
        meaning = wanted.metavar or (wanted.name or "" if isinstance(wanted, click.Argument) else "").upper()
        word = re.sub(r"[^A-Z_]", "", meaning)
        if word in _FILES:
            return [CompletionItem(incomplete, type=_FILES[word])]
        names = _names(app, context, wanted, word)
        if names is not None:
            typed = set(arguments) if wanted.nargs == -1 else set()
            return [CompletionItem(name) for name in names if name.startswith(incomplete) and name not in typed]
    return wanted.shell_complete(context, incomplete)


def _names(app: App, context: click.Context, wanted: click.Parameter, word: str) -> Sequence[str] | None:
    """The names that fit there; None where it takes no names."""
    if context.info_name == "presets" and word == "NAME":
        from togetherctl.config import presets

        return presets.preset_names()
    kind = _kind(context, wanted, word)
    if kind is None:
        return None
    from togetherctl.config.files import list_names

    return list_names(app.world.paths.config, kind)


def _kind(context: click.Context, wanted: click.Parameter, word: str) -> Kind | Literal["bundle"] | None:
    for kind in _KINDS:
        if f"--{kind}" in wanted.opts:
            return kind
    if word in _KIND_OF_WORD:
        return _KIND_OF_WORD[word]
    group = context.parent.info_name if context.parent else None
    # A new name cannot be completed.
    if isinstance(wanted, click.Argument) and wanted.name in ("name", "names", "old") and context.info_name != "add":
        return next((kind for kind in _KINDS if kind == group), None)
    return None


def _completer(shell: str, root: click.Group, extra: dict[str, Any], environ: Mapping[str, str]) -> ShellComplete:
    parts = (root, extra, "togetherctl", COMPLETING)
    if shell == "bash":
        return _Bash(environ, *parts)
    return ZshComplete(*parts) if shell == "zsh" else FishComplete(*parts)
