"""Which togetherctl, plugin and kubectl this shell finds, and whether they are the right ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from togetherctl import __version__
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.programs import ask, find_all, kubectls
from togetherctl.errors import ExitCode, KubeconfigError, Remedy, run
from togetherctl.finding import Finding
from togetherctl.kube.entries import PROGRAM, own_command
from togetherctl.paths import tilde

# kubectl and other clients know client.authentication.k8s.io/v1 since Kubernetes 1.22.
_FIRST_MINOR = 22
# Programs of the same name that are asked for their version.
_MOST = 4
# As kubectl looks for the plugin together-login.
_PLUGIN = "kubectl-together_login"


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    environ = facts.world.environ
    yield from _look_at_own(environ)
    yield from _look_at_plugin(environ)
    yield from _look_at_kubectl(facts)


def _look_at_own(environ: Mapping[str, str]) -> Iterator[Finding]:
    found = find_all(_file(PROGRAM), environ.get("PATH", ""))
    own = _own(environ)
    if not found:
        where = f"; it is {tilde(own, environ)}" if own else ""
        yield Finding(
            "warning",
            f"this shell's PATH does not have it{where}, so commands that are shown here cannot be copied as they are",
            _how_to_find(own, environ) if own else "install it again",
            subject=PROGRAM,
        )
        return
    first, *others = found
    is_own = own is None or first.resolve() == own.resolve()
    # Some version managers put a script of theirs before the program.
    version = __version__ if is_own else _version(first, environ)
    if own is not None and version != __version__:
        yield _another_first(first, version, own, environ)
    else:
        yield Finding("ok", f"this shell runs {tilde(first, environ)}, version {__version__}", subject=PROGRAM)
    for other in others[:_MOST]:
        version = __version__ if own is not None and other.resolve() == own.resolve() else _version(other, environ)
        if version != __version__:
            yield Finding(
                "warning",
                f"there is a second one behind it in PATH, {tilde(other, environ)}, {_name(version)}: a program with "
                "another PATH may run that one",
                "uninstall the one that you do not use",
                subject=PROGRAM,
            )


def _how_to_find(own: Path, environ: Mapping[str, str]) -> Remedy | str:
    if own.name != _file(PROGRAM):
        # The single file, under the name that it was downloaded with.
        words = "put it on your PATH under its own name"
        return run("install", "-D", "-m", "755", own, "~/.local/bin/togetherctl", words=words)
    return f"add {tilde(own.parent, environ)} to PATH in your shell's start file"


def _another_first(first: Path, version: str | None, own: Path, environ: Mapping[str, str]) -> Finding:
    return Finding(
        "warning",
        f"this shell runs {tilde(first, environ)}, {_name(version)}, and not the one that says this, "
        f"{tilde(own, environ)}, version {__version__}",
        "uninstall one of the two, or change the order of PATH",
        subject=PROGRAM,
    )


def _look_at_plugin(environ: Mapping[str, str]) -> Iterator[Finding]:
    found = find_all(_file(_PLUGIN), environ.get("PATH", ""))
    own = _own(environ)
    if not found:
        yield Finding(
            "ok", "this shell's PATH does not have it, which only `kubectl together-login` needs", subject=_PLUGIN
        )
        return
    first = found[0]
    if own is not None and first.resolve() == own.with_name(_file(_PLUGIN)).resolve():
        yield Finding("ok", f"kubectl together-login runs {tilde(first, environ)}", subject=_PLUGIN)
        return
    version = _plugin_version(first, environ)
    if version == __version__:
        yield Finding("ok", f"kubectl together-login runs {tilde(first, environ)}, version {version}", subject=_PLUGIN)
        return
    what = f"version {version} of togetherctl" if version else "which is another program than togetherctl"
    yield Finding(
        "warning",
        f"kubectl together-login runs {tilde(first, environ)}, {what}",
        "put the folder of this togetherctl before it in PATH, or uninstall the other program",
        subject=_PLUGIN,
    )


def _look_at_kubectl(facts: Facts) -> Iterator[Finding]:
    environ = facts.world.environ
    found = kubectls(facts)
    if not found:
        yield Finding(
            "warning",
            "this shell's PATH does not have it; other Kubernetes clients get their credentials all the same",
            "install kubectl, as https://kubernetes.io/docs/tasks/tools/ describes",
            subject="kubectl",
        )
        return
    (path, first), *others = found
    shown = tilde(path, environ)
    if first is None:
        yield Finding("warning", f"{shown} does not say its version, so it may be broken", subject="kubectl")
    elif first.minor < _FIRST_MINOR:
        yield Finding(
            "failed",
            f"{shown} is version {first.version}, and credentials of client.authentication.k8s.io/v1 need "
            f"1.{_FIRST_MINOR} or later",
            run(PROGRAM, "kubeconfig", "write", "--api-version", "v1beta1", words="install a newer kubectl, or"),
            subject="kubectl",
            exit_code=ExitCode.KUBECONFIG,
        )
    else:
        behind = ", ".join(f"{tilde(at, environ)} ({one.version})" for at, one in others if one)
        more = f"; behind it in PATH: {behind}" if behind else ""
        yield Finding("ok", f"this shell runs {shown}, version {first.version}{more}", subject="kubectl")


def _own(environ: Mapping[str, str]) -> Path | None:
    """This installation's console script."""
    with suppress(KubeconfigError):
        return Path(own_command(environ, portable=False))
    return None


def _version(program: Path, environ: Mapping[str, str]) -> str | None:
    said = ask(program, "version", "-o", "name", environ=environ)
    return said if said and len(said) < 40 and "\n" not in said else None


def _plugin_version(program: Path, environ: Mapping[str, str]) -> str | None:
    """The version of togetherctl that a plugin of this name is of; kubelogin says `kubelogin version`."""
    words = (ask(program, "version", environ=environ) or "").split()
    return words[1] if words[:1] == ["version"] and len(words) > 1 else None


def _name(version: str | None) -> str:
    return f"version {version}" if version else "which does not say its version"


def _file(name: str) -> str:
    return f"{name}.exe" if sys.platform == "win32" else name


CHECK = Check(
    name="installation-path",
    area="installation",
    title="togetherctl, its plugin and kubectl in PATH",
    each="machine",
    examine=_examine,
    signs=(
        "`togetherctl: command not found`",
        '`unknown command "together-login" for "kubectl"`',
        "a key or a flag that the pages describe is not known",
        '`exec plugin: invalid apiVersion "client.authentication.k8s.io/v1"`',
    ),
    means="A shell runs the first program of a name in its PATH. With two installations, the one that you upgrade may "
    "not be the one that runs; and a kubectl before 1.22 does not know the version of credentials that kubeconfigs "
    "ask for.",
    helps="Uninstall the installation that you do not use, or put the folder of the right one first in PATH. "
    "`togetherctl version` says which one runs. For a kubectl before 1.22, `togetherctl kubeconfig write "
    "--api-version v1beta1`.",
    place=20,
    # Each of several programs is asked for its version.
    seconds=30.0,
)
