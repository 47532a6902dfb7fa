"""The scripts that bash, zsh and fish run for completion, and the form in which each is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

SHELLS = ("bash", "zsh", "fish")
# The type of a completion that more is typed after, such as KEY=.
UNFINISHED = "more"

# COMP_WORDS is of no use: bash cuts words at each of COMP_WORDBREAKS, and names may hold an @.
_BASH = """\
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            plain) COMPREPLY+=("$value") ;;
            more) COMPREPLY+=("$value"); compopt -o nospace 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            dir) compopt -o dirnames 2>/dev/null ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "${1/#\\~/$HOME}" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null || complete -F %(complete_func)s %(prog_name)s
"""
_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a plain described unfinished response
    local type key descr
    (( ! $+commands[%(prog_name)s] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s)}")

    for type key descr in ${response}; do
        case $type in
            plain) if [[ $descr == _ ]]; then plain+=("$key"); else described+=("$key:$descr"); fi ;;
            more) unfinished+=("$key:$descr") ;;
            dir) _path_files -/ ;;
            file) compset -P '[^-]*='; _path_files -f ;;
        esac
    done

    (( $#described )) && _describe -V unsorted described -U
    (( $#unfinished )) && _describe -V unsorted unfinished -U -S ''
    (( $#plain )) && compadd -U -V unsorted -a plain
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
# A description may hold commas, so each line is split once. fish puts no space after a word that ends with =.
_FISH = """\
function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) \\
        COMP_CWORD=(commandline -t | string collect) %(prog_name)s)
    for completion in $response
        set -l parts (string split -m 1 "," -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain more
                echo $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class Bash(BashComplete):
    """Bash cuts the line into words in its own way, so it sends the line."""

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


class Zsh(ZshComplete):
    """Zsh gets three lines for each completion: type, word, description."""

    source_template = _ZSH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        help_ = item.help or "_"
        described = item.type == UNFINISHED or help_ != "_"
        # What is described is split at the first colon that has no backslash; the rest is taken as it is.
        return f"{item.type}\n{item.value.replace(':', chr(92) + ':') if described else item.value}\n{help_}"


class Fish(FishComplete):
    """Fish gets a line for each completion: type, comma, word, and a tab before the description."""

    source_template = _FISH


def completer(shell: str, environ: Mapping[str, str], *parts: Any) -> ShellComplete:
    """What talks to `shell`: bash, zsh or fish."""
    if shell == "bash":
        return Bash(environ, *parts)
    return Zsh(*parts) if shell == "zsh" else Fish(*parts)
