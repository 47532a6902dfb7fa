"""How to start a person's shell so that its start files cannot take its kubeconfig away.

Many a ~/.bashrc or ~/.zshrc sets KUBECONFIG. Then the shell would open another cluster than it was asked for, unseen;
so bash, zsh and fish set their variables again after those files. Prompt, aliases and history are as ever.
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
    return ShellStart([shell], dict(environ))


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
