"""Two kubeconfigs whose users have one name, each of another configuration: none edits the entries of the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.findings import look
from togetherctl.kube.yaml_text import load
from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run

PROD, LAB = "https://127.0.0.1:6443", "https://127.0.0.1:6000"


class Two:
    """The first configuration wrote cluster east into one file, the second cluster west into another."""

    def __init__(self, acme: Path, home: Path, cli: Run, order: tuple[str, str]) -> None:
        self.config, self.lab = acme, home / "lab" / "config.toml"
        self.first, self.second = home / "first.yaml", home / "second.yaml"
        self.lab.parent.mkdir(mode=0o700)
        self.lab.write_text(acme.read_text().replace(PROD, LAB).replace("east", "west"))
        self.lab.chmod(0o600)
        assert cli("kubeconfig", "write", "--kubeconfig", str(self.first)).code == 0
        assert cli("kubeconfig", "write", "--kubeconfig", str(self.second), **self.in_lab).code == 0
        self.both = {"KUBECONFIG": os.pathsep.join(str(getattr(self, name)) for name in order)}

    @property
    def in_lab(self) -> dict[str, str]:
        """What a shell says that uses the second configuration."""
        return {"TOGETHERCTL_HOME": str(self.lab.parent)}


@pytest.fixture(params=[("first", "second"), ("second", "first")], ids=["first-wins", "second-wins"])
def two(request: pytest.FixtureRequest, acme: Path, home: Path, cli: Run) -> Two:
    found = Two(acme, home, cli, request.param)
    for file in (found.first, found.second):
        assert names(file, "users") == ["togetherctl:acme"]
    return found


def names(file: Path, section: str) -> list[Any]:
    return [one["name"] for one in load(file.read_text()).get(section) or []]


def test_prune_leaves_the_other_file(two: Two, cli: Run) -> None:
    before = two.first.read_bytes(), two.second.read_bytes()
    for where in ({}, two.in_lab):
        assert cli("kubeconfig", "prune", "--yes", **two.both, **where).code == 0
    assert (two.first.read_bytes(), two.second.read_bytes()) == before


def test_prune_takes_out_of_its_own_file_alone(two: Two, cli: Run) -> None:
    before = two.first.read_bytes()
    two.lab.write_text(two.lab.read_text().replace("acme", "other").replace("west", "south"))
    assert cli("kubeconfig", "prune", "--yes", **two.both, **two.in_lab).code == 0
    assert [names(two.second, section) for section in ("contexts", "clusters", "users")] == [[], [], []]
    assert two.first.read_bytes() == before


def test_doctor_mends_nothing_of_the_other_file(two: Two, cli: Run, make_world: MakeWorld) -> None:
    before = two.first.read_bytes(), two.second.read_bytes()
    for where in ({}, two.in_lab):
        assert {one.mend for one in look("kubeconfig-entries", make_world(**two.both, **where))} == {None}
        cli("doctor", "--fix", "--yes", "--offline", **two.both, **where)
    assert (two.first.read_bytes(), two.second.read_bytes()) == before


def test_a_context_that_kubectl_gives_another_user_is_said(two: Two, make_world: MakeWorld) -> None:
    """kubectl takes the first user of a name: the context of the later file gets its credential from elsewhere."""
    first_wins = two.both["KUBECONFIG"].startswith(str(two.first))
    said = {}
    for where, cluster in ((two.both, "east"), ({**two.both, **two.in_lab}, "west")):
        state = read_kubeconfig_state(make_world(**where))
        said[cluster] = cluster in state.elsewhere
    assert said == {"east": not first_wins, "west": first_wins}


def test_a_change_of_one_configuration_leaves_the_other_file(two: Two, cli: Run) -> None:
    """Also where both have a cluster of that name."""
    two.lab.write_text(two.lab.read_text().replace("west", "east"))
    two.second.write_text(two.second.read_text().replace("west", "east"))
    before = two.second.read_bytes()
    assert cli("cluster", "set", "east", "server=https://127.0.0.1:7000", "--yes", **two.both).code == 0
    assert two.second.read_bytes() == before
    before = two.first.read_bytes()
    assert cli("cluster", "set", "east", "server=https://127.0.0.1:7001", "--yes", **two.both, **two.in_lab).code == 0
    assert two.first.read_bytes() == before


def test_removing_a_cluster_takes_it_out_of_its_own_file(two: Two, cli: Run) -> None:
    """Also where both have a cluster of that name."""
    two.lab.write_text(two.lab.read_text().replace("west", "east"))
    two.second.write_text(two.second.read_text().replace("west", "east"))
    before = two.first.read_bytes()
    assert cli("kubeconfig", "remove", "east", "--yes", **two.both, **two.in_lab).code == 0
    assert [names(two.second, section) for section in ("contexts", "clusters", "users")] == [[], [], []]
    assert two.first.read_bytes() == before
    # Only that of the other configuration is left, and it is named.
    assert cli("kubeconfig", "remove", "east", "--yes", **two.both, **two.in_lab).code == 0
    assert names(two.first, "contexts") == []


def test_removing_a_profile_takes_it_out_of_its_own_file(two: Two, cli: Run) -> None:
    before = two.first.read_bytes()
    assert cli("profile", "remove", "acme", "--yes", "--cascade", **two.both, **two.in_lab).code == 0
    assert [names(two.second, section) for section in ("contexts", "clusters", "users")] == [[], [], []]
    assert two.first.read_bytes() == before


def test_a_rename_changes_its_own_file(two: Two, cli: Run) -> None:
    before = two.first.read_bytes()
    assert cli("profile", "rename", "acme", "lab", "--yes", **two.both, **two.in_lab).code == 0
    assert cli("cluster", "rename", "west", "south", "--yes", **two.both, **two.in_lab).code == 0
    assert two.first.read_bytes() == before
    assert [names(two.second, section) for section in ("contexts", "users")] == [["south"], ["togetherctl:lab"]]
    assert load(two.second.read_text())["contexts"][0]["context"]["user"] == "togetherctl:lab"


def test_a_rename_takes_no_name_of_a_user_of_the_other(two: Two, cli: Run) -> None:
    assert cli("profile", "rename", "acme", "lab", "--yes", **two.both, **two.in_lab).code == 0
    before = two.first.read_bytes(), two.second.read_bytes()
    done = cli("profile", "rename", "acme", "lab", "--yes", **two.both)
    assert (done.code, (two.first.read_bytes(), two.second.read_bytes())) == (7, before)
    assert "so togetherctl:acme cannot be called that" in " ".join(done.stderr.split())
