"""How to start a person's shell so that its start files cannot take its kubeconfig away.

Many a ~/.bashrc or ~/.zshrc sets KUBECONFIG. Then the shell would open another cluster than it was asked for, unseen;
so bash, zsh, fish, sh and ksh set their variables again after those files. Prompt, aliases and history are as ever.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from togetherctl.disk import make_private_folder, write_whole
from togetherctl.environment import CLUSTER

_AGAIN = ("KUBECONFIG", CLUSTER)

_BASH = """\
[ -r ~/.bashrc ] && . ~/.bashrc
{exports}
"""

# zsh reads .zshenv and then .zshrc from ZDOTDIR, which the first of them may have changed.
_ZSHENV = """\
_togetherctl_own=$ZDOTDIR
{restore}
[[ -r ${{ZDOTDIR:-$HOME}}/.zshenv ]] && source "${{ZDOTDIR:-$HOME}}/.zshenv"
if [[ -o interactive ]]; then
  _togetherctl_is_set=${{+ZDOTDIR}} _togetherctl_theirs=${{ZDOTDIR-}}
  ZDOTDIR=$_togetherctl_own
else
{exports}
fi
"""
_ZSHRC = """\
if (( _togetherctl_is_set )); then ZDOTDIR=$_togetherctl_theirs; else unset ZDOTDIR; fi
[[ ${{HISTFILE-}} == "$_togetherctl_own"/* ]] && HISTFILE=${{ZDOTDIR:-$HOME}}/.zsh_history
unset _togetherctl_own _togetherctl_theirs _togetherctl_is_set
[[ -r ${{ZDOTDIR:-$HOME}}/.zshrc ]] && source "${{ZDOTDIR:-$HOME}}/.zshrc"
{exports}
"""

# An interactive sh reads the file ENV (POSIX.1-2017, XCU sh); after `command`, what is wrong in theirs ends not ours.
_SH = """\
{restore}
_togetherctl_theirs={theirs}
case $_togetherctl_theirs in */*) ;; *) _togetherctl_theirs=./$_togetherctl_theirs ;; esac
[ -f "$_togetherctl_theirs" ] && [ -r "$_togetherctl_theirs" ] && command . "$_togetherctl_theirs"
unset _togetherctl_theirs
{exports}
"""
_SHELLS_WITH_ENV = ("sh", "dash", "ash", "posh")
# Without ENV; mksh says MIRBSD or LEGACY.
_KSH_FILE = '$(case ${KSH_VERSION-} in *MIRBSD*|*LEGACY*) echo "$HOME/.mkshrc" ;; *) echo "$HOME/.kshrc" ;; esac)'


class ShellStart(NamedTuple):
    """The words that start a shell, and its whole environment."""

    words: list[str]
    environ: dict[str, str]


def start_of_shell(environ: Mapping[str, str], folder: Path) -> ShellStart:
    """The person's shell with `environ`; start files of ours go into `folder`. Raises OSError."""
    shell = _shell(environ)
    kept = {name: environ[name] for name in _AGAIN if name in environ}
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in kept.items())
    kind = Path(shell).name.removesuffix(".exe")
    if kind == "bash":
        file = folder / "bashrc"
        write_whole(file, _BASH.format(exports=exports).encode(), sweep=False)
        return ShellStart([shell, "--rcfile", str(file)], dict(environ))
    if kind == "zsh":
        own, theirs = folder / "zsh", environ.get("ZDOTDIR")
        restore = "unset ZDOTDIR" if theirs is None else f"ZDOTDIR={shlex.quote(theirs)}"
        make_private_folder(own)
        write_whole(own / ".zshenv", _ZSHENV.format(restore=restore, exports=exports).encode(), sweep=False)
        write_whole(own / ".zshrc", _ZSHRC.format(exports=exports).encode(), sweep=False)
        return ShellStart([shell], {**environ, "ZDOTDIR": str(own)})
    if kind == "fish":
        again = "; ".join(f"set -gx {name} {_fish_quote(value)}" for name, value in kept.items())
        return ShellStart([shell, "--init-command", again], dict(environ))
    if kind in _SHELLS_WITH_ENV or "ksh" in kind:
        theirs = environ.get("ENV")
        restore = "unset ENV" if theirs is None else f"ENV={shlex.quote(theirs)}"
        read = _double_quote(theirs) if theirs else f'"{_KSH_FILE}"' if "ksh" in kind else "/dev/null"
        write_whole(folder / "shrc", _SH.format(restore=restore, theirs=read, exports=exports).encode(), sweep=False)
        return ShellStart([shell], {**environ, "ENV": _unexpanded(folder) + "/shrc"})
    return ShellStart([shell], dict(environ))


def _unexpanded(folder: Path) -> str:
    """The folder of the kubeconfig as the value of ENV, which sh expands, but not what a parameter in it holds."""
    # mksh expands nothing, so a plain name is best.
    return "${KUBECONFIG%/*}" if any(character in str(folder) for character in "$`\\\"'") else str(folder)


def _double_quote(text: str) -> str:
    """A word in which a shell expands parameters, and `~` at its begin, as it does in the value of ENV."""
    text = f"$HOME{text[1:]}" if text.startswith("~/") else text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _shell(environ: Mapping[str, str]) -> str:
    """`SHELL`, else the shell that the system has for this user."""
    if environ.get("SHELL"):
        return environ["SHELL"]
    if sys.platform == "win32":
        return environ.get("COMSPEC") or "cmd.exe"
    import os
    import pwd

    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    return "/bin/sh"


def _fish_quote(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"
