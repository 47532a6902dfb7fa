"""Two kubeconfigs whose users have one name, each of another configuration: none edits the entries of the other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.findings import look, mend
from tests.support.programs import need
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


NEW = "https://127.0.0.1:7000"


def opens(two: Shared, variables: Mapping[str, str]) -> tuple[str, str]:
    """Where kubectl goes with context east, and whose credential it takes there: that of acme, or that of lab."""
    words = [need("kubectl"), "config", "view", "--raw", "--minify", "--context", "east", "-o", "json"]
    done = subprocess.run(words, env={**os.environ, **variables}, capture_output=True, check=True, timeout=60)
    seen = json.loads(done.stdout)
    [cluster], [user] = seen["clusters"], seen["users"]
    own = {load(file.read_text())["users"][0]["user"]["exec"]["command"]: name for file, name in two.whose}
    return cluster["cluster"]["server"], own[user["user"]["exec"]["command"]]


def alone(file: Path) -> dict[str, str]:
    return {"KUBECONFIG": str(file)}


class Shared(Two):
    """Both have a cluster east; acme's file comes first, and lacks the cluster, so kubectl takes that of lab's file."""

    def __init__(self, acme: Path, home: Path, cli: Run) -> None:
        super().__init__(acme, home, cli, ("first", "second"))
        self.lab.write_text(self.lab.read_text().replace("west", "east"))
        self.second.write_text(self.second.read_text().replace("west", "east"))
        self.whose = [(self.first, "acme"), (self.second, "lab")]
        self.remove(self.first, "clusters")

    def remove(self, file: Path, section: str) -> Any:
        """Take the only entry of a list out of a file."""
        data = load(file.read_text())
        [entry] = data[section]
        file.write_text(json.dumps({**data, section: []}))
        return entry


@pytest.fixture
def shared(acme: Path, home: Path, cli: Run) -> Shared:
    found = Shared(acme, home, cli)
    assert (opens(found, found.both), opens(found, alone(found.second))) == ((LAB, "acme"), (LAB, "lab"))
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--fix", "--offline", "--yes"),
        ("kubeconfig", "write", "--yes"),
        ("kubeconfig", "write", "--yes", "--overwrite"),
        ("cluster", "set", "east", f"server={NEW}", "--yes"),
    ],
    ids=["doctor", "write", "overwrite", "set"],
)
def test_the_cluster_of_another_configuration_stays_and_ours_goes_first(
    shared: Shared, cli: Run, words: tuple[str, ...]
) -> None:
    before = shared.second.read_bytes()
    cli(*words, **shared.both)
    assert shared.second.read_bytes() == before
    server = NEW if "set" in words else PROD
    assert opens(shared, shared.both) == (server, "acme")
    assert opens(shared, alone(shared.first)) == (server, "acme")
    assert opens(shared, alone(shared.second)) == (LAB, "lab")


def test_a_user_of_another_configuration_stays_too(shared: Shared, cli: Run) -> None:
    """Where the first file lacks both, its context is lab's as kubectl merges them, until it is written."""
    user = shared.remove(shared.first, "users")
    before = shared.second.read_bytes()
    for words in (("doctor", "--fix", "--offline", "--yes"), ("cluster", "set", "east", f"server={PROD}", "--yes")):
        cli(*words, **shared.both)
        assert shared.second.read_bytes() == before
    assert cli("kubeconfig", "write", "--yes", **shared.both).code == 0
    assert shared.second.read_bytes() == before
    assert load(shared.first.read_text())["users"][0]["user"]["exec"]["command"] == user["user"]["exec"]["command"]
    assert opens(shared, shared.both) == (PROD, "acme")
    assert opens(shared, alone(shared.second)) == (LAB, "lab")


def test_a_cluster_entry_before_both_files_is_not_changed(
    shared: Shared, home: Path, cli: Run, make_world: MakeWorld
) -> None:
    """Both configurations use the one in a third file, which comes first: there is no place before it."""
    third = home / "third.yaml"
    third.write_text(
        json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": load(shared.second.read_text())["clusters"]})
    )
    shared.remove(shared.second, "clusters")
    files = (third, shared.first, shared.second)
    variables = {"KUBECONFIG": os.pathsep.join(map(str, files))}
    of_lab = {"KUBECONFIG": os.pathsep.join((str(third), str(shared.second)))}
    before = [file.read_bytes() for file in files]
    assert (opens(shared, variables), opens(shared, of_lab)) == ((LAB, "acme"), (LAB, "lab"))
    said = f"cluster east in {third} is used by context east in {shared.second}, which is of another configuration"
    done = cli("kubeconfig", "write", "--yes", **variables)
    assert (done.code, said in " ".join(done.stderr.split())) == (7, True), done.stderr
    [found] = [one for one in look("kubeconfig-entries", make_world(**variables)) if one.subject == "east"]
    assert (found.status, found.mend) == ("failed", None)
    cli("doctor", "--fix", "--offline", "--yes", **variables)
    done = cli("cluster", "set", "east", f"server={NEW}", "--yes", **variables)
    assert (done.code, said in " ".join(done.stderr.split())) == (0, True), done.stderr
    assert [file.read_bytes() for file in files] == before


def test_doctor_mends_the_cluster_in_the_first_file(shared: Shared, make_world: MakeWorld) -> None:
    world = make_world(**shared.both)
    [found] = look("kubeconfig-entries", world)
    assert mend(found) == "write what the configuration says of cluster east into the kubeconfig: server"
    assert [found.status for found in look("kubeconfig-entries", world)] == ["ok"]
