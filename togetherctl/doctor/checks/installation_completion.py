"""Whether completion scripts that were saved to files are those of this version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from togetherctl.disk import read_whole
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.programs import ask
from togetherctl.environment import COMPLETING
from togetherctl.finding import Finding
from togetherctl.kube.entries import PROGRAM, own_command
from togetherctl.paths import expand, tilde

_MAX_BYTES = 64 * 1024
# Where shells look, and where their pages tell people to put files.
_PLACES = {
    "bash": (
        "{data}/bash-completion/completions/togetherctl",
        "~/.bash_completion.d/togetherctl",
        "/etc/bash_completion.d/togetherctl",
        "/usr/local/share/bash-completion/completions/togetherctl",
    ),
    "zsh": (
        "~/.zsh/completions/_togetherctl",
        "~/.zfunc/_togetherctl",
        "~/.oh-my-zsh/completions/_togetherctl",
        "/usr/local/share/zsh/site-functions/_togetherctl",
    ),
    "fish": ("{config}/fish/completions/togetherctl.fish",),
}


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    environ = facts.world.environ
    saved = list(_saved(environ))
    if not saved:
        raise Skip("no completion script is saved in a file")
    own = Path(own_command(environ, portable=False))
    for shell, path, text in saved:
        now = ask(own, "completion", shell, environ=environ)
        if now is None or text.strip() == now.strip():
            yield Finding("ok", f"it is what `togetherctl completion {shell}` prints", subject=str(path))
        else:
            yield Finding(
                "warning",
                f"it is not what `togetherctl completion {shell}` prints now, so {shell} may complete what another "
                "version had",
                f"togetherctl completion {shell} > {tilde(path, environ)}",
                subject=str(path),
            )


def _saved(environ: Mapping[str, str]) -> Iterator[tuple[str, Path, str]]:
    """The shell, file and text of each script of ours that is saved."""
    folders = {
        "data": environ.get("XDG_DATA_HOME") or "~/.local/share",
        "config": environ.get("XDG_CONFIG_HOME") or "~/.config",
    }
    for shell, places in _PLACES.items():
        listed = [f"{folder}/_togetherctl" for folder in environ.get("FPATH", "").split(os.pathsep) if folder]
        for place in dict.fromkeys([*places, *(listed if shell == "zsh" else [])]):
            path = expand(place.format_map(folders), environ)
            try:
                text = read_whole(path, limit=_MAX_BYTES)[0].decode("utf-8", "replace")
            except OSError:
                continue
            # A file that calls `togetherctl completion` is never out of date.
            if COMPLETING in text and f"{PROGRAM} completion" not in text:
                yield shell, path, text


CHECK = Check(
    name="installation-completion",
    area="installation",
    title="Completion scripts in files",
    each="machine",
    examine=_examine,
    signs=("Tab offers a command or an option that is not there, or leaves out one that is",),
    means="The script that lets a shell complete was saved to a file by another version.",
    helps="Print the script into the file once more, as [completion](completion.md) describes, or have the shell ask "
    "togetherctl each time it starts.",
    place=40,
)
