"""Two configurations whose entries stand in one kubeconfig: none sends its tokens to the other's servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.findings import look, mend
from togetherctl.kube.yaml_text import load
from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run

PROD, LAB = "https://127.0.0.1:6443", "https://127.0.0.1:6000"


@pytest.fixture
def lab(acme: Path, home: Path) -> Path:
    """A second configuration with the same profile and the same cluster's name, and another server."""
    folder = home / "lab"
    folder.mkdir(mode=0o700)
    config = folder / "config.toml"
    assert PROD in acme.read_text()
    config.write_text(acme.read_text().replace(PROD, LAB).replace("kubernetes", "labcli"))
    config.chmod(0o600)
    return config


@pytest.fixture(params=["TOGETHERCTL_HOME", "TOGETHERCTL_CONFIG"])
def in_lab(request: pytest.FixtureRequest, lab: Path) -> dict[str, str]:
    """What a shell, or one call, says that uses the second configuration."""
    return {request.param: str(lab.parent if request.param == "TOGETHERCTL_HOME" else lab)}


@pytest.fixture(params=[(), ("--no-shim",)], ids=["shim", "no-shim"])
def kubeconfig(request: pytest.FixtureRequest, acme: Path, home: Path, cli: Run) -> Path:
    """What the first configuration wrote."""
    assert acme.exists()
    assert cli("kubeconfig", "write", "--set-current", *request.param).code == 0
    return home / ".kube" / "config"


def only(path: Path, section: str) -> Any:
    [entry] = load(path.read_text())[section]
    return entry[section[:-1]]


def test_doctor_mends_no_entry_of_another_configuration(
    kubeconfig: Path, in_lab: dict[str, str], make_world: MakeWorld
) -> None:
    before = kubeconfig.read_bytes()
    world = make_world(**in_lab)
    [found] = look("kubeconfig-entries", world)
    assert (found.status, found.subject, found.mend) == ("warning", "east", None)
    assert found.message == "its context in the kubeconfig is of ~/tctl/config.toml, which may mean another cluster"
    state = read_kubeconfig_state(world)
    assert (dict(state.drift), state.missing, list(state.elsewhere)) == ({}, ("east",), ["east"])
    assert kubeconfig.read_bytes() == before


def test_a_change_of_one_configuration_leaves_the_entries_of_the_other(
    kubeconfig: Path, in_lab: dict[str, str], cli: Run
) -> None:
    before = kubeconfig.read_bytes()
    assert cli("cluster", "set", "east", "server=https://127.0.0.1:7000", "--yes", **in_lab).code == 0
    assert kubeconfig.read_bytes() == before
    done = cli("use", "east", **in_lab)
    assert (done.code, kubeconfig.read_bytes()) == (2, before)
    assert "gets its credential from another configuration, ~/tctl/config.toml" in done.stderr
    assert "togetherctl kubeconfig write east" in done.stderr
    assert cli("cluster", "remove", "east", "--yes", **in_lab).code == 0
    assert kubeconfig.read_bytes() == before


def test_taking_over_writes_server_and_command_together(
    kubeconfig: Path, lab: Path, cli: Run, make_world: MakeWorld
) -> None:
    call = only(kubeconfig, "users")["exec"]
    assert cli("kubeconfig", "write", "--yes", TOGETHERCTL_HOME=str(lab.parent)).code == 0
    assert only(kubeconfig, "clusters")["server"] == LAB
    assert only(kubeconfig, "users")["exec"] != call
    # Now the first one has none.
    [found] = look("kubeconfig-entries", make_world())
    assert (found.subject, found.mend) == ("east", None)


def test_what_only_another_configuration_has_is_neither_mended_away_nor_pruned(
    acme: Path, kubeconfig: Path, in_lab: dict[str, str], lab: Path, cli: Run, make_world: MakeWorld
) -> None:
    # The other one has none of these names.
    lab.write_text(lab.read_text().replace("acme", "lab").replace("east", "west"))
    before = kubeconfig.read_bytes()
    [found] = look("kubeconfig-entries", make_world(**in_lab))
    assert (found.subject, found.mend) == ("west", None)
    done = cli("kubeconfig", "prune", "--yes", **in_lab)
    assert (done.code, kubeconfig.read_bytes()) == (0, before)
    assert "Nothing to remove" in done.stderr
    assert cli("kubeconfig", "write", "west", "--yes", **in_lab).code == 0
    both = kubeconfig.read_bytes()
    for where in ({}, in_lab):
        [found] = look("kubeconfig-entries", make_world(**where))
        assert (found.status, found.mend) == ("ok", None)
        assert cli("kubeconfig", "prune", "--yes", **where).code == 0
    assert kubeconfig.read_bytes() == both
    # One that is gone keeps nothing.
    lab.unlink()
    [found] = look("kubeconfig-entries", make_world())
    assert "context west; cluster west; user togetherctl:lab" in mend(found)
    assert acme.exists()
    assert [one["name"] for one in load(kubeconfig.read_text())["contexts"]] == ["east"]


def test_a_cluster_gets_no_user_of_another_configuration(
    acme: Path, kubeconfig: Path, lab: Path, home: Path, cli: Run
) -> None:
    """Its profile changes to one whose user in the kubeconfig calls the other configuration."""
    lab.write_text(lab.read_text().replace("acme", "lab").replace("east", "west"))
    assert cli("kubeconfig", "write", "west", "--yes", TOGETHERCTL_HOME=str(lab.parent)).code == 0
    acme.write_text(acme.read_text() + '\n[profiles.lab]\nissuer = "acme"\nclient_id = "other"\n')
    before = kubeconfig.read_bytes()
    assert cli("cluster", "set", "east", "profile=lab", "--yes").code == 0
    assert kubeconfig.read_bytes() == before
    assert home.exists()


def test_a_rename_leaves_the_entries_of_another_configuration(
    kubeconfig: Path, in_lab: dict[str, str], cli: Run
) -> None:
    before = kubeconfig.read_bytes()
    assert cli("profile", "rename", "acme", "other", "--yes", **in_lab).code == 0
    assert cli("cluster", "rename", "east", "west", "--yes", **in_lab).code == 0
    assert kubeconfig.read_bytes() == before


def test_no_user_is_taken_from_the_contexts_of_another_configuration(
    kubeconfig: Path, in_lab: dict[str, str], lab: Path, cli: Run
) -> None:
    """With the same profile's name they would send this configuration's token to the other one's servers."""
    lab.write_text(lab.read_text().replace("east", "west"))
    before = kubeconfig.read_bytes()
    done = cli("kubeconfig", "write", "--yes", **in_lab)
    assert (done.code, kubeconfig.read_bytes()) == (7, before)
    assert (
        "user togetherctl:acme of the kubeconfig is of ~/tctl/config.toml, and east would get a credential of this "
        "configuration with it"
    ) in " ".join(done.stderr.split())
    assert cli("kubeconfig", "write", "--yes", "--overwrite", **in_lab).code == 0
    assert kubeconfig.read_bytes() != before
