"""Complete commands, options, choices and names of the configuration in bash, zsh, fish and kubectl.

click finds out what is being completed. What it cannot know, it is told in `completion_names.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, ShellComplete, _resolve_context, _resolve_incomplete

from togetherctl.cli.completion_names import find_items
from togetherctl.cli.completion_scripts import SHELLS, UNFINISHED, completer
from togetherctl.cli.kubelogin_flags import FlagsCommand
from togetherctl.cli.verbosity import take_verbosity
from togetherctl.environment import COMPLETING

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.kubelogin.flag_table import Flag

_FILES = {"FILE": "file", "SOURCE": "file", "DIR": "dir"}
# As kubectl reads them (ShellCompDirective of the Go library cobra).
_NO_SPACE, _NO_FILES, _ONLY_FOLDERS = 2, 4, 16
_WORDS = ("plain", UNFINISHED)


def script(shell: str, root: click.Group) -> str:
    """The script that `shell` (bash, zsh or fish) runs once."""
    return _completer(shell, root, {}, {}).source()


def complete(app: App, instruction: str, root: click.Group) -> str:
    """The answer to a shell's `instruction`, such as `zsh_complete`; nothing at all where anything goes wrong."""
    shell, _, wanted = instruction.partition("_")
    if wanted != "complete" or shell not in SHELLS:
        return ""
    talk = _completer(shell, root, {"obj": app}, app.environ)
    try:
        arguments, incomplete = talk.get_completion_args()
        items = completions(app, root, arguments, incomplete)
    except Exception:  # noqa: BLE001 # a person is typing: an error would spoil the line
        return ""
    return "".join(f"{talk.format_completion(item)}\n" for item in items)


def complete_for_kubectl(app: App, plugin: click.Group, words: list[str]) -> str:
    """The answer to kubectl, which gives the words behind the plugin's name, the last of them not finished.

    A line for each completion, a tab before its description, and at the end a colon and what the shell is to do.
    """
    *arguments, incomplete = words or [""]
    try:
        items = completions(app, plugin, arguments, incomplete)
    except Exception:  # noqa: BLE001 # as above
        items = []
    lines = [f"{item.value}\t{item.help}" if item.help else item.value for item in items if item.type in _WORDS]
    types = {item.type for item in items}
    directive = 0 if "file" in types else _ONLY_FOLDERS if "dir" in types else _NO_FILES
    return "".join(f"{line}\n" for line in [*lines, f":{directive + (_NO_SPACE if UNFINISHED in types else 0)}"])


def completions(app: App, root: click.Group, arguments: list[str], incomplete: str) -> list[CompletionItem[Any]]:
    """What `incomplete` may become after `arguments`."""
    _, arguments = take_verbosity(arguments)
    context = _resolve_context(root, {"obj": app}, "togetherctl", arguments)
    if "--" in arguments and getattr(context.command, "runs_another", False):
        # A command line of another program, which we do not know.
        return []
    flags = _kubelogin_flags(context.command)
    value = _find_flag(arguments[-1] if arguments else "", flags)
    if value is not None:
        return _complete_value(app, context, value, incomplete)
    name, sign, typed = incomplete.partition("=")
    joined = _find_flag(name, flags) if sign else None
    if joined is not None:
        items = _complete_value(app, context, joined, typed)
        return [CompletionItem(f"{name}={item.value}", type=item.type) for item in items if item.type == "plain"]
    wanted, rest = _resolve_incomplete(context, arguments, incomplete)
    if isinstance(wanted, click.Parameter):
        meaning = wanted.metavar or (wanted.name or "" if isinstance(wanted, click.Argument) else "").upper()
        word = re.sub(r"[^A-Z_]", "", meaning.partition(" ")[0])
        if word in _FILES:
            return [CompletionItem(rest, type=_FILES[word])]
        found = find_items(app, context, wanted, word, rest)
        if found is not None:
            typed_words = set(arguments) if wanted.nargs == -1 else set()
            return [item for item in found if item.value.startswith(rest) and item.value not in typed_words]
    own = wanted.shell_complete(context, rest)
    return [*own, *(_complete_flag(flags, rest) if rest.startswith("-") else ())]


def _kubelogin_flags(command: click.Command) -> Mapping[str, Flag]:
    """The flags of kubelogin that may stand there, by name."""
    takes = command.takes if isinstance(command, FlagsCommand) else getattr(command, "flags_alone", None)
    if takes is None:
        return {}
    from togetherctl.kubelogin.flag_table import flags_of

    return flags_of(takes)


def _find_flag(word: str, flags: Mapping[str, Flag]) -> Flag | None:
    """The flag that `word` is, if a value comes after it."""
    flag = flags.get(word.removeprefix("--")) if word.startswith("--") else None
    return flag if flag is not None and flag.kind != "switch" else None


def _complete_flag(flags: Mapping[str, Flag], incomplete: str) -> Iterator[CompletionItem[Any]]:
    for name, flag in flags.items():
        if f"--{name}".startswith(incomplete) and not flag.old:
            yield CompletionItem(f"--{name}", help=flag.meaning)


def _complete_value(app: App, context: click.Context, flag: Flag, incomplete: str) -> list[CompletionItem[Any]]:
    from togetherctl.cli.kubelogin_flags import metavar_of

    if flag.choices:
        return [CompletionItem(choice) for choice in flag.choices if choice.startswith(incomplete)]
    word = "CONTEXT" if flag.name == "context" else metavar_of(flag)
    if word in _FILES:
        return [CompletionItem(incomplete, type=_FILES[word])]
    items = find_items(app, context, click.Option([f"--{flag.name}"]), word, incomplete) or []
    return [item for item in items if item.value.startswith(incomplete)]


def _completer(shell: str, root: click.Group, extra: dict[str, Any], environ: Mapping[str, str]) -> ShellComplete:
    return completer(shell, environ, root, extra, "togetherctl", COMPLETING)
