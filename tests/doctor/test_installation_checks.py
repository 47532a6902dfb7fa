"""The checks of the installation: programs in PATH, their versions, the PATH of desktop programs, completion."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.findings import look, look_at
from togetherctl import __version__
from togetherctl.doctor.checks import installation_gui_path, installation_python

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run
    from tests.support.clock import StoppedClock

OURS = Path(sys.executable).parent


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def kubectl(folder: Path, version: str) -> Path:
    said = json.dumps({"clientVersion": {"gitVersion": version}})
    return program(folder / "kubectl", f"[ \"$1 $2\" = 'version --client' ] && echo '{said}'")


def path_of(*folders: Path) -> str:
    return os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])


def test_the_version_is_said(make_world: MakeWorld) -> None:
    found = look_at("installation-python", make_world())
    assert (found.status, found.subject) == ("ok", sys.executable)
    assert __version__ in found.message


def test_a_python_without_security_updates_is_a_warning(
    make_world: MakeWorld, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever Python runs the tests.
    monkeypatch.setattr(installation_python, "_LAST_YEAR", {sys.version_info[:2]: 2031})
    clock.now = datetime(2032, 1, 1, tzinfo=UTC).timestamp()
    found = look_at("installation-python", make_world())
    assert found.status == "warning"
    assert "no security updates since October" in found.message


def of(name: str, world: object) -> list[tuple[str, str]]:
    found = look("installation-path", world)  # type: ignore[arg-type] # a World
    return [(one.status, one.message) for one in found if one.subject == name]


def test_the_programs_of_this_installation_are_in_order(make_world: MakeWorld, tmp_path: Path) -> None:
    kubectl(tmp_path, "v1.37.2")
    world = make_world(PATH=path_of(OURS, tmp_path))
    assert of("togetherctl", world) == [("ok", f"this shell runs {OURS / 'togetherctl'}, version {__version__}")]
    assert [status for status, _ in of("kubectl-together_login", world)] == ["ok"]
    [(status, message)] = of("kubectl", world)
    assert (status, f"{tmp_path / 'kubectl'}, version 1.37.2" in message) == ("ok", True)


def test_a_togetherctl_that_is_not_in_path_is_said_with_its_folder(make_world: MakeWorld, tmp_path: Path) -> None:
    [found] = [one for one in look("installation-path", make_world(PATH=str(tmp_path))) if one.subject == "togetherctl"]
    assert found.status == "warning"
    assert str(OURS / "togetherctl") in found.message
    assert str(OURS) in str(found.remedy)


def test_another_one_before_this_one_is_named_with_its_version(make_world: MakeWorld, tmp_path: Path) -> None:
    program(tmp_path / "togetherctl", "[ $1 = version ] && echo 0.0.9")
    [(status, message)] = of("togetherctl", make_world(PATH=path_of(tmp_path, OURS)))
    assert status == "warning"
    assert f"this shell runs {tmp_path / 'togetherctl'}, version 0.0.9, and not" in message


def test_an_older_one_behind_this_one_is_named(make_world: MakeWorld, tmp_path: Path) -> None:
    older = program(tmp_path / "old" / "togetherctl", "echo 0.0.9")
    broken = program(tmp_path / "broken" / "togetherctl", "exit 3")
    world = make_world(PATH=path_of(OURS, older.parent, broken.parent))
    found = of("togetherctl", world)
    assert [status for status, _ in found] == ["ok", "warning", "warning"]
    assert f"{older}, version 0.0.9" in found[1][1]
    assert f"{broken}, which does not say its version" in found[2][1]


def test_a_link_to_this_one_is_no_second_one(make_world: MakeWorld, tmp_path: Path) -> None:
    (tmp_path / "togetherctl").symlink_to(OURS / "togetherctl")
    assert [status for status, _ in of("togetherctl", make_world(PATH=path_of(tmp_path, OURS)))] == ["ok"]


def test_a_script_that_leads_to_this_version_is_in_order(make_world: MakeWorld, tmp_path: Path) -> None:
    program(tmp_path / "togetherctl", f'exec {OURS / "togetherctl"} "$@"')
    assert [status for status, _ in of("togetherctl", make_world(PATH=path_of(tmp_path, OURS)))] == ["ok"]


def test_a_plugin_of_another_program_is_named(make_world: MakeWorld, tmp_path: Path) -> None:
    program(tmp_path / "kubectl-together_login", "echo 'kubelogin version v1.36.0 (go1.25)'")
    [(status, message)] = of("kubectl-together_login", make_world(PATH=path_of(tmp_path, OURS)))
    assert status == "warning"
    assert "which is another program than togetherctl" in message


def test_a_plugin_of_an_older_version_is_named(make_world: MakeWorld, tmp_path: Path) -> None:
    program(tmp_path / "kubectl-together_login", "echo 'version      0.0.9'")
    [(status, message)] = of("kubectl-together_login", make_world(PATH=path_of(tmp_path, OURS)))
    assert (status, "version 0.0.9 of togetherctl" in message) == ("warning", True)


def test_a_kubectl_that_does_not_know_our_credentials_fails(make_world: MakeWorld, tmp_path: Path) -> None:
    kubectl(tmp_path, "v1.20.15")
    found = look("installation-path", make_world(PATH=path_of(tmp_path)))[-1]
    assert (found.status, found.exit_code) == ("failed", 7)
    assert found.remedy is not None
    assert found.remedy.hint_command == "togetherctl kubeconfig write --api-version v1beta1"


@pytest.mark.parametrize("says", ["exit 1", "echo '{}'", "echo '{\"clientVersion\": []}'", "echo v1.30"])
def test_a_kubectl_that_says_no_version_is_a_warning(says: str, make_world: MakeWorld, tmp_path: Path) -> None:
    program(tmp_path / "kubectl", says)
    assert of("kubectl", make_world(PATH=str(tmp_path)))[0][0] == "warning"


def test_without_kubectl_other_clients_still_work(make_world: MakeWorld, tmp_path: Path) -> None:
    [(status, message)] = of("kubectl", make_world(PATH=str(tmp_path)))
    assert (status, "other Kubernetes clients" in message) == ("warning", True)


@pytest.fixture
def portable(acme: Path, cli: Run) -> Path:
    """A kubeconfig that calls togetherctl by its bare name."""
    assert cli("kubeconfig", "write", "--portable").code == 0
    return acme


def systemd_says(folder: Path, path: str) -> None:
    program(
        folder / "systemctl", f"[ \"$*\" = '--user show-environment' ] && echo 'LANG=C\nPATH={path}\nHOME=/home/me'"
    )


def test_whole_paths_need_no_path(acme: Path, cli: Run, make_world: MakeWorld) -> None:
    assert acme.exists()
    assert cli("kubeconfig", "write", "--no-shim").code == 0
    assert look_at("installation-gui-path", make_world()).status == "ok"


@pytest.mark.parametrize(("given", "status"), [(f"/usr/bin:{OURS}", "ok"), ("/usr/bin:/bin", "warning")])
def test_what_systemd_gives_to_desktop_programs_is_looked_through(
    given: str, status: str, portable: Path, make_world: MakeWorld, tmp_path: Path
) -> None:
    assert portable.exists()
    systemd_says(tmp_path, given)
    found = look_at("installation-gui-path", make_world(PATH=path_of(tmp_path, OURS)))
    assert (found.status, found.subject) == (status, "togetherctl")
    assert "the user's systemd" in found.message
    if status == "warning":
        assert "togetherctl:acme" in found.message
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl kubeconfig write"


@pytest.mark.parametrize(
    ("text", "status"), [("PATH=$HOME/bin:$PATH\n", "warning"), (f'OTHER=1\nPATH="{OURS}:${{PATH}}"\n', "ok")]
)
def test_files_that_set_the_path_of_a_session_are_read(
    text: str, status: str, portable: Path, home: Path, make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert portable.exists()
    monkeypatch.setattr(installation_gui_path, "_OF_THE_MACHINE", home / "environment")
    file = home / ".config" / "environment.d" / "10-path.conf"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert look_at("installation-gui-path", make_world(PATH="")).status == status
    file.rename(home / "environment")
    assert look_at("installation-gui-path", make_world(PATH="")).status == status


def test_where_nothing_says_the_path_of_desktop_programs_it_is_skipped(
    portable: Path, home: Path, make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert portable.exists()
    monkeypatch.setattr(installation_gui_path, "_OF_THE_MACHINE", home / "environment")
    assert look_at("installation-gui-path", make_world(PATH="")).status == "skipped"


PLACES = {
    "bash": ".local/share/bash-completion/completions/togetherctl",
    "zsh": ".zfunc/_togetherctl",
    "fish": ".config/fish/completions/togetherctl.fish",
}


@pytest.mark.parametrize("shell", PLACES)
def test_a_completion_script_of_another_version_is_a_warning(
    shell: str, home: Path, cli: Run, make_world: MakeWorld
) -> None:
    assert look_at("installation-completion", make_world()).status == "skipped"
    saved = home / PLACES[shell]
    saved.parent.mkdir(parents=True)
    script = cli("completion", shell).stdout
    saved.write_text(script)
    found = look_at("installation-completion", make_world())
    assert (found.status, found.subject) == ("ok", str(saved))
    saved.write_text(script.replace("plain", "plane"))
    found = look_at("installation-completion", make_world())
    assert (found.status, str(found.remedy)) == ("warning", f"togetherctl completion {shell} > ~/{PLACES[shell]}")
    saved.write_text('eval "$(togetherctl completion bash)"  # _TOGETHERCTL_COMPLETE\n')
    assert look_at("installation-completion", make_world()).status == "skipped"


def test_a_folder_of_zsh_is_found_by_its_variable(home: Path, cli: Run, make_world: MakeWorld) -> None:
    saved = home / "functions" / "_togetherctl"
    saved.parent.mkdir()
    saved.write_text(cli("completion", "zsh").stdout)
    assert look_at("installation-completion", make_world(FPATH=f"/nowhere:{saved.parent}")).status == "ok"
