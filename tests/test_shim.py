"""The shim and the fast path: one question, asked in sh and in Python, and what makes it be answered with no."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.installed import PROGRAM, V1, Installed
from tests.support.programs import need
from togetherctl import fastpath
from togetherctl.auth.engine import Policy
from togetherctl.paths import locate
from togetherctl.shim import Shim, ShimState, shim_for

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.issuer import ScriptedIssuer

SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}


@pytest.fixture(params=["plain", 'it\'s a "home" with $HOME & spaces'], ids=["plain home", "odd home"])
def at(
    request: pytest.FixtureRequest, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Where togetherctl lives."""
    home = tmp_path / "home" / str(request.param)
    environ["TOGETHERCTL_HOME"] = str(home)
    monkeypatch.setenv("TOGETHERCTL_HOME", str(home))
    return home


def installed_at(
    home: Path,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    make_world: MakeWorld,
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
) -> Installed:
    written = config_at(issuer)
    config = locate(environ).config
    config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if written != config:
        written.replace(config)
    before = time.time() - 100
    os.utime(config, (before, before))
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    here = Installed(home, {**environ, "KUBERNETES_EXEC_INFO": V1})
    monkeypatch.setattr(sys, "executable", here.counting_python())
    shim = shim_for(environ, str(PROGRAM))
    shim.path.parent.mkdir(mode=0o700)
    shim.path.write_bytes(shim.text())
    shim.path.chmod(0o700)
    monkeypatch.undo()
    return here


@pytest.fixture
def installed(
    at: Path,
    environ: dict[str, str],
    make_world: MakeWorld,
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
) -> Installed:
    with pytest.MonkeyPatch.context() as patch:
        return installed_at(at, environ, patch, make_world, config_at, issuer, browser)


@pytest.fixture(params=SHELLS)
def in_shell(request: pytest.FixtureRequest, installed: Installed) -> Installed:
    """Called by each shell in turn."""
    words = SHELLS[request.param]
    installed.shell = (need(words[0]), *words[1:])
    return installed


def test_the_same_bytes_as_python_and_no_python(in_shell: Installed) -> None:
    done = in_shell.call_shim()
    assert (done.returncode, done.stderr, in_shell.started()) == (0, b"", 0)
    assert done.stdout == in_shell.call_python().stdout
    assert done.stdout == in_shell.ready.read_bytes().partition(b"\n")[2]
    assert in_shell.fast_path_serves()
    # And without the ready file, from the session.
    in_shell.ready.unlink()
    assert in_shell.call_python().stdout == done.stdout
    assert in_shell.ready.exists(), "a fresh token that is served from its session is left ready"


def test_the_kubeconfigs_own_call(installed: Installed) -> None:
    """As kubectl calls it: by its path."""
    done = installed.call_shim()
    assert (done.returncode, installed.started()) == (0, 0)
    # The official Python client puts a space there; and there need not be anything.
    for info in (V1.replace('":"client', '": "client'), ""):
        installed.environ["KUBERNETES_EXEC_INFO"] = info
        assert installed.call_shim().stdout == done.stdout
        assert installed.fast_path_serves()
    del installed.environ["KUBERNETES_EXEC_INFO"]
    # What only steers a login does not count.
    installed.environ |= {
        "TOGETHERCTL_LOGIN": "never",
        "TOGETHERCTL_NO_INPUT": "1",
        "CI": "1",
        "TOGETHERCTL_BROWSER": "x",
    }
    assert installed.call_shim().stdout == done.stdout
    assert installed.fast_path_serves()
    assert installed.started() == 0


def _edit(here: Installed) -> None:
    here.config.write_text(here.config.read_text() + "# changed\n")


def _touch_back(here: Installed) -> None:
    before = here.config.stat().st_mtime - 1000
    os.utime(here.config, (before, before))


def _other_owner(here: Installed) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(here.ready, 12345, -1)


def _empty(here: Installed) -> None:
    here.ready.write_bytes(b"")
    os.utime(here.ready, ns=(here.session.stat().st_mtime_ns,) * 2)


def _symlink(here: Installed) -> None:
    elsewhere = here.home / "state" / "elsewhere"
    here.ready.rename(elsewhere)
    here.ready.symlink_to(elsewhere)


def _linked_folder(here: Installed) -> None:
    elsewhere = here.home / "state" / "elsewhere"
    here.ready.parent.rename(elsewhere)
    here.ready.parent.symlink_to(elsewhere)


def _piped_session(here: Installed) -> None:
    path = here.session
    path.unlink()
    os.mkfifo(path)


def _others_folder(here: Installed) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(here.ready.parent, 12345, -1)


def _space_in_credential(here: Installed) -> None:
    here.environ["KUBERNETES_EXEC_INFO"] = V1.replace("/v1", "/v1beta1")
    body = here.ready.read_bytes().partition(b"\n")[2].replace(b'{"api', b'{ "api')
    here.rewrite_ready({5: str(len(body) - 1)}, body=body)


WRONG: dict[str, Callable[[Installed], object]] = {
    "expired": lambda here: here.rewrite_ready({4: str(int(time.time()))}),
    "written in the future": lambda here: here.rewrite_ready({3: str(int(time.time()) + 100)}),
    "times that are no numbers": lambda here: here.rewrite_ready({3: "0x1", 4: "9e9"}),
    "no times": lambda here: here.rewrite_ready({3: "", 4: ""}),
    "another form": lambda here: here.rewrite_ready({1: "1"}),
    "another profile's": lambda here: here.rewrite_ready({2: "other"}),
    "another configuration's": lambda here: here.rewrite_ready({8: f"/else/config.toml/{here.session.parent}"}),
    "of sessions elsewhere": lambda here: here.rewrite_ready({8: f"{here.config}//else/sessions"}),
    "of another state of the configuration": lambda here: here.rewrite_ready({7: "1,2,3,4"}),
    "of no configuration": lambda here: here.rewrite_ready({7: "-"}),
    "a session that is younger": lambda here: os.utime(here.session, (time.time() + 10,) * 2),
    "a session that is older": lambda here: os.utime(here.session, (time.time() - 5000,) * 2),
    "another session's": lambda here: here.rewrite_ready({6: "0" * 64}),
    "cut short": lambda here: here.rewrite_ready(body=here.ready.read_bytes().partition(b"\n")[2][:-20]),
    "without its last line end": lambda here: here.rewrite_ready(body=here.ready.read_bytes().partition(b"\n")[2][:-1]),
    "only a header": lambda here: here.rewrite_ready(body=b""),
    "longer than it says": lambda here: here.rewrite_ready(body=b"x" + here.ready.read_bytes().partition(b"\n")[2]),
    "empty": _empty,
    "a symlink": _symlink,
    "another user's": _other_owner,
    "gone": lambda here: here.ready.unlink(),
    "store edited": _edit,
    "store touched": lambda here: here.config.touch(),
    "store touched back to an older date": _touch_back,
    "store gone": lambda here: here.config.unlink(),
    "session gone": lambda here: here.session.unlink(),
    "a pipe in the session's place": _piped_session,
    "TOGETHERCTL_CONFIG": lambda here: here.environ.update(TOGETHERCTL_CONFIG=str(here.config)),
    "another TOGETHERCTL_HOME": lambda here: here.environ.update(TOGETHERCTL_HOME=str(here.home.parent / "other")),
    "an unknown version": lambda here: here.environ.update(KUBERNETES_EXEC_INFO=V1.replace("/v1", "/v2")),
    "two versions": lambda here: here.environ.update(
        KUBERNETES_EXEC_INFO=V1.replace("/v1", "/v1beta1")[:-1] + f',"config":{V1}' + "}"
    ),
    "a key spaced oddly, and another version inside": lambda here: here.environ.update(
        KUBERNETES_EXEC_INFO=V1.replace('"apiVersion":', '"apiVersion" :').replace("/v1", "/v1beta1")[:-1]
        + f',"config":{V1}'
        + "}"
    ),
    "an escaped key beside the plain one": lambda here: here.environ.update(
        KUBERNETES_EXEC_INFO=V1[:-1] + ',"api\\u0056ersion":"client.authentication.k8s.io/v1beta1"}'
    ),
    "only something inside has a version": lambda here: here.environ.update(
        KUBERNETES_EXEC_INFO='{"kind":"ExecCredential","spec":{"cluster":{"config":' + V1 + "}}}"
    ),
    "a list of them": lambda here: here.environ.update(KUBERNETES_EXEC_INFO=f"[{V1}]"),
    "a ready folder that is a link": _linked_folder,
    "a ready folder of another user": _others_folder,
    "no JSON at all": lambda here: here.environ.update(KUBERNETES_EXEC_INFO="{"),
    "no profile named": lambda here: setattr(here, "arguments", ("get-token",)),
    "an empty name": lambda here: setattr(here, "arguments", ("get-token", "--profile", "")),
    "a name that is a path": lambda here: setattr(here, "arguments", ("get-token", "--profile", "../ready/acme")),
    "a name with a space": lambda here: setattr(here, "arguments", ("get-token", "--profile", "acme 1")),
    "a name that is a pattern": lambda here: setattr(here, "arguments", ("get-token", "--profile", "acm*")),
    "an unknown name": lambda here: setattr(here, "arguments", ("get-token", "--profile", "nobody")),
    "an argument more": lambda here: setattr(here, "arguments", ("get-token", "--profile", "acme", "-v")),
    "an unknown version among the arguments": lambda here: setattr(
        here, "arguments", ("get-token", "--profile", "acme", "--api-version", "v2")
    ),
    "another option": lambda here: setattr(here, "arguments", ("get-token", "--profile", "acme", "--color", "v1")),
    "a credential of another form, for another version": _space_in_credential,
    "the other spelling": lambda here: setattr(here, "arguments", ("get-token", "--profile=acme")),
    "another command": lambda here: setattr(here, "arguments", ("refresh", "--profile", "acme")),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_anything_else_is_handed_over(wrong: str, installed: Installed) -> None:
    installed.environ |= {"TOGETHERCTL_NO_INPUT": "1"}
    WRONG[wrong](installed)
    assert not installed.fast_path_serves()
    for words in SHELLS.values():
        assert installed.hands_over_in(need(words[0]), *words[1:]), words
    shim = installed.call_shim()
    python = installed.call_python()
    assert (shim.returncode, shim.stdout) == (python.returncode, python.stdout)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o640, 0o400])
@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_who_else_may_read_the_file_alone_changes_nothing_for_either(mode: int, in_shell: Installed) -> None:
    """No built-in of sh tells the permissions of others, so both rely on the folder, which is private when written."""
    expected = in_shell.call_shim().stdout
    in_shell.ready.chmod(mode)
    done = in_shell.call_shim()
    assert (done.returncode, done.stdout, in_shell.started()) == (0, expected, 0)
    assert in_shell.fast_path_serves()
    # The next one that is written is private again.
    in_shell.ready.unlink()
    assert in_shell.call_python().stdout == expected
    assert in_shell.ready.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_a_client_that_knows_v1beta1_alone_gets_it_as_quickly(in_shell: Installed) -> None:
    usual = in_shell.call_shim().stdout
    expected = usual.replace(b"client.authentication.k8s.io/v1", b"client.authentication.k8s.io/v1beta1")
    beta, spaced = V1.replace("/v1", "/v1beta1"), V1.replace("/v1", "/v1beta1").replace('":"client', '": "client')
    short = ("get-token", "--profile", "acme")
    for info, arguments, answer in (
        (beta, short, expected),
        (spaced, short, expected),
        ("", (*short, "--api-version", "v1beta1"), expected),
        ("", (*short, "--api-version", "v1"), usual),
        # What the client says about this call counts, not what its kubeconfig was written for.
        (V1, (*short, "--api-version", "v1beta1"), usual),
        (beta, (*short, "--api-version", "v1"), expected),
    ):
        in_shell.environ["KUBERNETES_EXEC_INFO"], in_shell.arguments = info, arguments
        assert in_shell.call_shim().stdout == answer
        assert in_shell.call_python().stdout == answer
        assert in_shell.fast_path_serves()
    assert in_shell.started() == 0


@pytest.mark.parametrize(
    "info", [V1 + "\n", V1.replace(",", ",\n "), V1.replace('{"kind"', '{ "kind"').replace('":"client', '": "client')]
)
@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_what_clients_send_is_served_by_both(info: str, in_shell: Installed) -> None:
    in_shell.environ["KUBERNETES_EXEC_INFO"] = info
    assert (in_shell.call_shim().returncode, in_shell.started()) == (0, 0)
    assert in_shell.fast_path_serves()


@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_logout_and_a_changed_profile_end_it(installed: Installed, process: Run, environ: dict[str, str]) -> None:
    quiet = {"TOGETHERCTL_NO_INPUT": "1"}
    assert process("profile", "set", "acme", "login=never").code == 0
    assert not installed.ready.exists()
    assert installed.call_shim().returncode == 0
    assert (installed.started(), installed.ready.exists()) == (1, False), (
        "the configuration is too young for whole seconds"
    )
    os.utime(installed.config, (time.time() - 50,) * 2)
    assert installed.call_shim().returncode == 0
    assert installed.ready.exists()
    kept = installed.ready.read_bytes()
    assert process("logout", **quiet).code == 0
    assert not installed.ready.exists()
    # Not even if somebody puts it back.
    installed.ready.write_bytes(kept)
    done = installed.call_shim()
    assert (done.returncode, done.stdout) == (3, b"")
    assert environ["TOGETHERCTL_HOME"] == str(installed.home)


@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_it_takes_its_surroundings_along(installed: Installed) -> None:
    """An application started from a desktop has none of the variables that a terminal had."""
    del installed.environ["TOGETHERCTL_HOME"]
    served = installed.call_shim()
    assert (served.returncode, installed.started()) == (0, 0)
    installed.ready.unlink()
    handed_over = installed.call_shim()
    assert (handed_over.returncode, handed_over.stdout, installed.started()) == (0, served.stdout, 1)


def test_xdg_folders_are_taken_along_and_compared(
    tmp_path: Path,
    environ: dict[str, str],
    make_world: MakeWorld,
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
) -> None:
    del environ["TOGETHERCTL_HOME"]
    folders = {f"XDG_{name}_HOME": str(tmp_path / "xdg" / name.lower()) for name in ("CONFIG", "STATE", "CACHE")}
    environ |= folders
    paths = locate(environ)
    with pytest.MonkeyPatch.context() as patch:
        here = installed_at(tmp_path / "home", environ, patch, make_world, config_at, issuer, browser)
    here.arguments = ("get-token", "--profile", "acme")
    shim, ready = paths.shim, paths.ready / "acme"

    def call(**changes: str) -> subprocess.CompletedProcess[bytes]:
        env = {**here.environ, "TOGETHERCTL_NO_INPUT": "1", **changes}
        return subprocess.run([shim, *here.arguments], env=env, capture_output=True, check=False, timeout=30)

    served = call()
    assert (served.returncode, here.started()) == (0, 0)
    assert here.fast_path_serves()
    # Another person's home is not this one's.
    assert call(HOME=str(tmp_path)).stdout != b""
    assert here.started() == 1
    here.counted.unlink()
    # As set then, where they are not set now.
    for name in folders:
        del here.environ[name]
    assert (call().stdout, here.started()) == (served.stdout, 0)
    ready.unlink()
    assert (call().stdout, here.started()) == (served.stdout, 1)
    # Set to another place, they lead there.
    elsewhere = call(XDG_CONFIG_HOME=str(tmp_path / "other"))
    assert (elsewhere.returncode, here.started()) == (2, 2)


@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_an_interpreter_that_is_gone(in_shell: Installed, tmp_path: Path) -> None:
    (in_shell.home.parent / "python with 'quotes'").unlink()
    assert in_shell.call_shim().returncode == 0, "a good ready file needs no interpreter"
    in_shell.ready.unlink()
    # The one on PATH instead.
    found = in_shell.call_shim() if shutil.which("togetherctl", path=in_shell.environ["PATH"]) else None
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "date").symlink_to(need("date"))
    in_shell.environ["PATH"] = str(tools)
    lost = in_shell.call_shim()
    assert (lost.returncode, lost.stdout) == (1, b"")
    assert b"no longer where this kubeconfig expects it" in lost.stderr
    assert b"togetherctl kubeconfig write" in lost.stderr
    # Nor one that is broken in the same way, nor the shim itself.
    (tools / "togetherctl").write_text("#!/nowhere/python\n")
    (tools / "togetherctl").chmod(0o755)
    assert b"install it again" in in_shell.call_shim().stderr
    (tools / "togetherctl").unlink()
    (tools / "togetherctl").symlink_to(in_shell.shim)
    assert b"install it again" in in_shell.call_shim().stderr
    (tools / "togetherctl").unlink()
    (tools / "togetherctl").symlink_to(PROGRAM)
    found = in_shell.call_shim()
    assert (found.returncode, b"ExecCredential" in found.stdout) == (0, True)


@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_a_closed_or_full_stdout(installed: Installed) -> None:
    full = subprocess.run(
        ["/bin/sh", "-c", '"$@" > /dev/full', "-", installed.shim, *installed.arguments],
        env=installed.environ,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert full.returncode == 1
    full = subprocess.run(
        ["/bin/sh", "-c", '"$@" > /dev/full', "-", sys.executable, PROGRAM, *installed.arguments],
        env=installed.environ,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (full.returncode, full.stderr) == (1, b"togetherctl: No space left on device\n")


def test_shellcheck_finds_nothing(installed: Installed) -> None:
    done = subprocess.run(
        # SC2016: paths are quoted so that nothing in them is expanded, which is what is meant.
        [need("shellcheck"), "-s", "dash", "-e", "SC2016", installed.shim],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])
def test_the_shim_is_private_and_holds_no_secret(installed: Installed, issuer: ScriptedIssuer) -> None:
    assert installed.shim.stat().st_mode & 0o7777 == 0o700
    assert installed.shim.parent.stat().st_mode & 0o7777 == 0o700
    text = installed.shim.read_text()
    assert issuer.url not in text
    assert issuer.client_id not in text


def test_a_shim_has_a_state(installed: Installed, environ: dict[str, str], cli: Run) -> None:
    shim = Shim(locate(environ), environ, str(PROGRAM))
    assert shim.state() is ShimState.OUTDATED, "the interpreter baked in is another"
    assert shim.write() == installed.shim
    assert shim.state() is ShimState.CURRENT
    shown = cli("version", "-o", "json").stdout
    assert '"shim_state": "current"' in shown
    assert str(installed.shim).replace('"', '\\"') in shown
    installed.shim.chmod(0o600)
    assert shim.state() is ShimState.OUTDATED
    installed.shim.unlink()
    assert shim.state() is ShimState.NONE
    assert '"shim_state": "none"' in cli("version", "-o", "json").stdout


@pytest.mark.usefixtures("acme")
def test_kubeconfig_write_does_without_where_no_script_can_run(
    cli: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = home / "kubeconfig"

    def written(*options: str, **changes: str) -> tuple[str, str]:
        target.unlink(missing_ok=True)
        done = cli("kubeconfig", "write", "--kubeconfig", str(target), *options, **changes)
        assert done.code == 0, done.stderr
        [line] = [line for line in target.read_text().splitlines() if "command:" in line]
        return line.split("command: ")[1], done.stderr

    shim = home / "tctl" / "state" / "shim" / "togetherctl"
    assert written()[0] == str(shim)
    assert written("--no-shim") == (str(PROGRAM), written("--no-shim")[1])
    assert written("--portable")[0] == "togetherctl"
    # The configuration that TOGETHERCTL_CONFIG names is not the one a shim could ask.
    assert written(TOGETHERCTL_CONFIG=str(home / "tctl" / "config.toml"))[0] == str(PROGRAM)
    # A home where nothing may be executed.
    real = subprocess.run

    def refuse(words: list[str], **options: object) -> object:
        if words[0] == str(shim):
            raise PermissionError(13, "Permission denied")
        return real(words, **options)  # type: ignore[call-overload] # what it was called with

    monkeypatch.setattr(subprocess, "run", refuse)
    command, said = written()
    assert command == str(PROGRAM)
    assert "cannot be run: Permission denied" in said
    assert "takes longer" in said
    monkeypatch.undo()
    shim.parent.chmod(0o755)
    command, said = written()
    assert (command, "is not private" in said) == (str(PROGRAM), True)
    done = cli("kubeconfig", "write", "--portable", "--no-shim")
    assert (done.code, "say one of the two" in done.stderr) == (2, True)


@pytest.mark.usefixtures("acme")
def test_a_shim_of_another_config_is_not_replaced(cli: Run, home: Path, environ: dict[str, str]) -> None:
    """Two configurations over one state: the kubeconfig of the first would get the profiles of the second."""
    shim = locate(environ).shim
    assert cli("kubeconfig", "write", "--kubeconfig", str(home / "one")).code == 0
    before = shim.read_bytes()
    folders = {f"XDG_{name}_HOME": str(home / "xdg" / name.lower()) for name in ("CONFIG", "CACHE")}
    second = {"TOGETHERCTL_HOME": "", "XDG_STATE_HOME": str(home / "xdg"), **folders}
    (home / "xdg" / "config" / "togetherctl").mkdir(parents=True)
    (home / "xdg" / "togetherctl").symlink_to(home / "tctl" / "state")
    config = home / "xdg" / "config" / "togetherctl" / "config.toml"
    config.write_bytes((home / "tctl" / "config.toml").read_bytes())
    config.chmod(0o600)
    done = cli("kubeconfig", "write", "--kubeconfig", str(home / "two"), **second)
    assert done.code == 0, done.stderr
    assert f"serves another configuration, {home / 'tctl' / 'config.toml'}; the kubeconfig calls" in done.stderr
    assert (shim.read_bytes(), str(shim) in (home / "two").read_text()) == (before, False)
    # Where that configuration is gone, its shim serves nobody.
    (home / "tctl" / "config.toml").unlink()
    assert cli("kubeconfig", "write", "--kubeconfig", str(home / "two"), **second).code == 0
    assert shim.read_bytes() != before


def test_a_dry_run_writes_no_shim(cli: Run, acme: Path, home: Path) -> None:
    assert acme.exists()
    done = cli("kubeconfig", "write", "--dry-run", "--kubeconfig", str(home / "kubeconfig"))
    assert str(home / "tctl" / "state" / "shim" / "togetherctl") in done.stdout
    assert not (home / "tctl" / "state" / "shim").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"TOGETHERCTL_HOME": "/x/y"},
        {"TOGETHERCTL_HOME": "/x/../y/"},
        {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"},
        {"XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": "", "XDG_CACHE_HOME": "/k/"},
    ],
)
def test_python_looks_where_the_paths_are(changes: dict[str, str]) -> None:
    environ = {"HOME": "/home/me", **changes}
    paths = locate(environ)
    config, state, cache = fastpath._locate_folders(environ) or ("", "", "")
    assert (f"{config}/config.toml", state, cache) == (str(paths.config), str(paths.state), str(paths.cache))


@pytest.mark.parametrize("environ", [{"TOGETHERCTL_HOME": "~/x", "HOME": "/h"}, {"TOGETHERCTL_HOME": "x"}, {}])
def test_a_place_that_takes_more_to_find_is_left_to_the_command_line(environ: dict[str, str]) -> None:
    assert fastpath._locate_folders(environ) is None
