"""The checks of the kubeconfig, each from the file that causes what it finds."""

from __future__ import annotations

import json
import os
import re
import stat
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.support.findings import command, look, look_at, mend
from tests.support.kubeconfigs import change
from tests.support.samples import WEST
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run

SERVER = "https://127.0.0.1:6443"


# kubeconfig-files


def test_a_kubeconfig_that_can_be_read_is_in_order(kubeconfig: Path, make_world: MakeWorld) -> None:
    found = look_at("kubeconfig-files", make_world())
    assert (found.status, found.subject) == ("ok", str(kubeconfig))


def test_without_one_kubectl_knows_no_cluster(acme: Path, home: Path, make_world: MakeWorld) -> None:
    found = look_at("kubeconfig-files", make_world())
    assert (found.status, command(found)) == ("warning", "togetherctl kubeconfig write")
    assert found.subject == str(home / ".kube" / "config")
    acme.write_text("version = 1\n")
    assert look_at("kubeconfig-files", make_world()).status == "ok"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "cannot be understood: line 1"),
        ("- a\n- b\n", "is not a kubeconfig"),
        ("kind: Kubeconfig\n", "kubectl cannot read it, and every kubectl command fails: line 1: kind must be Config"),
        ("clusters: [{name: a}, {name: a}]\n", "two clusters called a"),
    ],
)
def test_what_kubectl_cannot_read_fails_and_is_named(
    text: str, said: str, home: Path, acme: Path, make_world: MakeWorld
) -> None:
    assert acme.exists()
    sound, wrong = home / "sound", home / "wrong"
    sound.write_text("kind: Config\n")
    wrong.write_text(text)
    sound.chmod(0o600)
    wrong.chmod(0o600)
    world = make_world(KUBECONFIG=f"{sound}{os.pathsep}{wrong}{os.pathsep}{home / 'gone'}")
    found = look("kubeconfig-files", world)
    assert [(one.status, one.subject) for one in found] == [
        ("ok", str(sound)),
        ("failed", str(wrong)),
        ("ok", str(home / "gone")),
    ]
    assert said in found[1].message
    assert found[1].exit_code == 7


@pytest.mark.parametrize(
    ("mode", "token", "status", "helps"),
    [
        (0o644, "", "ok", None),
        (0o640, "made-up", "warning", "chmod go-rwx"),
        (0o666, "", "warning", "chmod go-w"),
        (0o400, "", "ok" if os.geteuid() == 0 else "warning", "chmod u+w"),
    ],
)
def test_what_others_may_do_with_it(
    mode: int, token: str, status: str, helps: str | None, kubeconfig: Path, make_world: MakeWorld
) -> None:
    if token:
        change(kubeconfig, lambda data: data["users"].append({"name": "robot", "user": {"token": token}}))
    kubeconfig.chmod(mode)
    found = look_at("kubeconfig-files", make_world())
    assert found.status == status
    assert token not in found.message or not token
    if status != "ok":
        assert command(found) == f"{helps} {kubeconfig}"


def test_a_relative_path_in_kubeconfig_is_a_warning(
    kubeconfig: Path, make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kubeconfig.parent)
    found = look_at("kubeconfig-files", make_world(KUBECONFIG="config"))
    assert (found.status, str(kubeconfig) in str(found.remedy)) == ("warning", True)


# kubeconfig-entries


def test_a_kubeconfig_that_says_what_the_configuration_says_is_in_order(
    kubeconfig: Path, make_world: MakeWorld
) -> None:
    assert kubeconfig.exists()
    found = look_at("kubeconfig-entries", make_world())
    assert (found.status, "of 1 cluster" in found.message) == ("ok", True)


def test_other_values_are_named_and_mended(kubeconfig: Path, make_world: MakeWorld) -> None:
    def how(data: Any) -> None:
        data["clusters"][0]["cluster"]["server"] = "https://203.0.113.9"
        data["users"][0]["user"]["exec"]["args"].append("--old-flag")

    change(kubeconfig, how)
    found = look_at("kubeconfig-entries", make_world())
    assert (found.status, found.subject, command(found)) == ("failed", "east", "togetherctl kubeconfig write east")
    said = f"server (kubeconfig: https://203.0.113.9; configuration: {SERVER}); the words of the command"
    assert said in found.message
    assert "east" in mend(found)
    assert look_at("kubeconfig-entries", make_world()).status == "ok"
    assert load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"] == SERVER


@pytest.mark.parametrize(
    ("key", "value", "status", "said"),
    [
        ("tls-server-name", "k8s", "failed", "tls_server_name (kubeconfig: k8s; configuration: none)"),
        (
            "insecure-skip-tls-verify",
            True,
            "failed",
            "insecure_skip_tls_verify (kubeconfig: true; configuration: none)",
        ),
        ("proxy-url", "http://me:Tr0ub4dor@p:1", "warning", "proxy_url (kubeconfig: http://p:1; configuration: none)"),
        ("certificate-authority", "gone.pem", "failed", "one that cannot be read; configuration: the system's"),
        ("certificate-authority-data", 7, "failed", "one that cannot be read; configuration: the system's"),
    ],
)
def test_both_values_are_shown(
    key: str, value: object, status: str, said: str, kubeconfig: Path, make_world: MakeWorld
) -> None:
    change(kubeconfig, lambda data: data["clusters"][0]["cluster"].update({key: value}))
    found = look_at("kubeconfig-entries", make_world())
    assert (found.status, said in found.message, "Tr0ub" in found.message) == (status, True, False), found.message


def test_one_authority_in_two_places_is_no_other_authority(
    acme: Path, ca_file: Path, kubeconfig: Path, make_world: MakeWorld
) -> None:
    acme.write_text(acme.read_text().replace("[clusters.east]", f'[clusters.east]\nca_file = "{ca_file}"'))
    data = b64encode(ca_file.read_bytes()).decode()
    change(kubeconfig, lambda said: said["clusters"][0]["cluster"].update({"certificate-authority-data": data}))
    found = look_at("kubeconfig-entries", make_world())
    assert found.status == "warning"
    other = b64encode(trustme.CA(organization_name="Other Company").cert_pem.bytes()).decode()
    change(kubeconfig, lambda said: said["clusters"][0]["cluster"].update({"certificate-authority-data": other}))
    found = look_at("kubeconfig-entries", make_world())
    assert found.status == "failed"
    assert re.search(r"certificate authority \(kubeconfig: .*Other Company; configuration: [^;]+\)$", found.message)


def test_a_part_that_is_gone_fails_and_is_mended(kubeconfig: Path, make_world: MakeWorld) -> None:
    change(kubeconfig, lambda data: data.update(users=[]))
    found = look_at("kubeconfig-entries", make_world())
    assert (found.status, found.exit_code) == ("failed", 7)
    mend(found)
    assert look_at("kubeconfig-entries", make_world()).status == "ok"


def test_clusters_without_a_context_are_named(acme: Path, kubeconfig: Path, make_world: MakeWorld) -> None:
    assert kubeconfig.exists()
    acme.write_text(acme.read_text() + WEST)
    found = look_at("kubeconfig-entries", make_world())
    assert (found.status, found.subject, command(found)) == ("warning", "west", "togetherctl kubeconfig write west")
    assert found.mend is None
    assert look_at("kubeconfig-entries", make_world(), clusters=["east"]).status == "ok"


@pytest.mark.parametrize(("current", "status"), [("west", "failed"), ("other", "warning")])
def test_entries_of_clusters_that_are_gone_are_taken_out(
    current: str, status: str, acme: Path, kubeconfig: Path, make_world: MakeWorld, cli: Run
) -> None:
    before = acme.read_text()
    acme.write_text(before + WEST)
    assert cli("kubeconfig", "write").code == 0
    acme.write_text(before)

    def how(data: Any) -> None:
        data["current-context"] = current
        data["contexts"].append({"name": "other", "context": {"cluster": "other", "user": "other"}})

    change(kubeconfig, how)
    found = look_at("kubeconfig-entries", make_world())
    assert (found.status, command(found)) == (status, "togetherctl kubeconfig prune")
    assert "context west; cluster west" in found.message
    mend(found)
    assert [one["name"] for one in load(kubeconfig.read_text())["contexts"]] == ["east", "other"]
    assert look_at("kubeconfig-entries", make_world()).status == "ok"


def test_entries_that_cannot_be_taken_out_safely_are_named(acme: Path, home: Path, make_world: MakeWorld) -> None:
    assert acme.exists()
    path = home / ".kube" / "config"
    path.parent.mkdir()
    mark = "extensions: [{name: togetherctl, extension: {cluster: gone, profile: acme}}]"
    path.write_text(
        f"clusters:\n- name: gone\n  cluster: &gone\n    server: https://127.0.0.1\n    {mark}\nmine: *gone\n"
    )
    found = look("kubeconfig-entries", make_world())
    assert ("failed", 7) in [(one.status, one.exit_code) for one in found]


def test_an_entry_that_another_file_hides_is_named_and_left_alone(
    kubeconfig: Path, home: Path, make_world: MakeWorld
) -> None:
    first = home / "first"
    entry = {"name": "east", "context": {"cluster": "a", "user": "b"}}
    first.write_text(json.dumps({"contexts": [entry]}))
    found = look("kubeconfig-entries", make_world(KUBECONFIG=f"{first}{os.pathsep}{kubeconfig}"))
    assert (found[0].status, found[0].subject, found[0].mend) == ("failed", "context east", None)
    assert str(first) in found[0].message
    assert json.loads(first.read_text()) == {"contexts": [entry]}


def test_without_a_configuration_nothing_is_said_of_entries(
    acme: Path, kubeconfig: Path, make_world: MakeWorld
) -> None:
    assert kubeconfig.exists()
    acme.write_text("profiles = 3\n")
    assert look_at("kubeconfig-entries", make_world()).status == "skipped"


def test_a_kubeconfig_that_cannot_be_read_is_said_by_one_check_alone(kubeconfig: Path, make_world: MakeWorld) -> None:
    kubeconfig.write_text("a: [")
    for name in ("entries", "shim", "kubelogin", "other-credentials"):
        found = look_at(f"kubeconfig-{name}", make_world())
        assert (found.status, found.message) == ("skipped", "a kubeconfig cannot be read")


# kubeconfig-shim


def test_the_script_that_kubeconfigs_call_is_run(kubeconfig: Path, make_world: MakeWorld) -> None:
    shim = make_world().paths.shim
    assert kubeconfig.exists()
    found = look_at("kubeconfig-shim", make_world())
    assert (found.status, found.subject) == ("ok", str(shim))


def _remove(shim: Path) -> None:
    shim.unlink()


def _make_old(shim: Path) -> None:
    shim.write_text(shim.read_text() + "# of another version\n")


def _close(shim: Path) -> None:
    shim.chmod(0o600)


def _break(shim: Path) -> None:
    shim.write_text("#!/bin/sh\nexit 3\n")


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        (_remove, "failed", "is not there"),
        (_make_old, "warning", "of another version"),
        (_close, "failed", "may not be run"),
        (_break, "failed", "does not run here"),
    ],
)
def test_a_script_that_does_not_work_is_written_again(
    how: Any, status: str, said: str, kubeconfig: Path, make_world: MakeWorld
) -> None:
    assert kubeconfig.exists()
    how(make_world().paths.shim)
    found = look_at("kubeconfig-shim", make_world())
    assert (found.status, said in found.message) == (status, True), found
    assert command(found) == "togetherctl kubeconfig write"
    mend(found)
    assert look_at("kubeconfig-shim", make_world()).status == "ok"


def test_a_program_that_is_gone_is_named_and_its_entries_are_written_again(
    kubeconfig: Path, home: Path, make_world: MakeWorld
) -> None:
    gone = str(home / "old-venv" / "bin" / "togetherctl")
    change(kubeconfig, lambda data: data["users"][0]["user"]["exec"].update(command=gone))
    found = look_at("kubeconfig-shim", make_world())
    assert (found.status, found.subject, found.exit_code) == ("failed", gone, 7)
    mend(found)
    found = look_at("kubeconfig-shim", make_world())
    assert (found.status, found.subject) == ("ok", str(make_world().paths.shim))


@pytest.mark.parametrize(("folder", "status"), [("", "failed"), ("bin", "ok")])
def test_a_bare_name_is_looked_for_in_path(
    folder: str, status: str, acme: Path, home: Path, cli: Run, make_world: MakeWorld
) -> None:
    assert acme.exists()
    assert cli("kubeconfig", "write", "--portable").code == 0
    program = home / "bin" / "togetherctl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    found = look_at("kubeconfig-shim", make_world(PATH=str(home / folder) if folder else "/nowhere"))
    assert (found.status, found.subject) == (status, "togetherctl")


def test_where_no_user_calls_togetherctl_there_is_nothing_to_run(acme: Path, make_world: MakeWorld) -> None:
    assert acme.exists()
    assert look_at("kubeconfig-shim", make_world()).status == "skipped"


def test_no_check_changes_a_mode(kubeconfig: Path, make_world: MakeWorld) -> None:
    kubeconfig.chmod(0o666)
    look("kubeconfig-files", make_world())
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o666


# kubeconfig-configuration


@pytest.mark.parametrize("option", ["--shim", "--no-shim"])
def test_the_configuration_of_this_shell_is_in_order(
    option: str, acme: Path, cli: Run, make_world: MakeWorld, environ: dict[str, str]
) -> None:
    assert acme.exists()
    assert look_at("kubeconfig-configuration", make_world()).status == "skipped"
    assert cli("kubeconfig", "write", *([option] if option == "--no-shim" else [])).code == 0
    found = look_at("kubeconfig-configuration", make_world())
    assert (found.status, "~/tctl/config.toml" in found.message) == ("ok", True)
    # Of a shell without the variable, whose configuration is in the usual place.
    environ.pop("TOGETHERCTL_HOME")
    found = look_at("kubeconfig-configuration", make_world())
    assert (found.status, found.subject) == ("warning", "user togetherctl:acme")
    assert "from ~/tctl/config.toml, and this shell uses ~/.config/togetherctl/config.toml" in found.message


def test_a_configuration_that_is_gone_fails(kubeconfig: Path, home: Path, make_world: MakeWorld) -> None:
    gone = home / "old" / "config.toml"
    variable = {"name": "TOGETHERCTL_CONFIG", "value": str(gone)}
    change(kubeconfig, lambda data: data["users"][0]["user"]["exec"].update(env=[variable]))
    found = look_at("kubeconfig-configuration", make_world())
    assert (found.status, found.exit_code, command(found)) == ("failed", 2, "togetherctl kubeconfig write")
    assert "~/old/config.toml, which is not there" in found.message
