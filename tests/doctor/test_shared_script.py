"""A script that kubeconfigs call, in a state folder of two configurations: only the one it serves writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.findings import look_at, mend

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run


@pytest.fixture
def script(acme: Path, home: Path, environ: dict[str, str], cli: Run, make_world: MakeWorld) -> Path:
    """What the first configuration, in its usual place, wrote."""
    environ.pop("TOGETHERCTL_HOME")
    copy(acme, home / ".config" / "togetherctl")
    assert cli("kubeconfig", "write").code == 0
    return make_world().paths.shim


@pytest.fixture(params=["TOGETHERCTL_CONFIG", "XDG_CONFIG_HOME"])
def second(request: pytest.FixtureRequest, acme: Path, home: Path, script: Path, cli: Run) -> dict[str, str]:
    """What a shell says that uses a second configuration and the same state folder."""
    config = copy(acme, home / "second" / "togetherctl")
    where = {request.param: str(config if request.param == "TOGETHERCTL_CONFIG" else config.parent.parent)}
    assert script.exists()
    assert cli("config", "path", **where).stdout.startswith(str(config))
    return where


def copy(config: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, mode=0o700)
    copied = folder / "config.toml"
    copied.write_text(config.read_text())
    copied.chmod(0o600)
    return copied


def test_a_script_of_another_configuration_is_in_order(
    script: Path, second: dict[str, str], cli: Run, make_world: MakeWorld
) -> None:
    before = script.read_bytes()
    found = look_at("kubeconfig-shim", make_world(**second))
    assert (found.status, found.mend, found.subject) == ("ok", None, str(script))
    assert found.message == "the script that the kubeconfig calls is of ~/.config/togetherctl/config.toml, and it runs"
    done = cli("doctor", "--offline", "--fix", "--yes", **second)
    assert "write the script" not in done.stderr
    assert script.read_bytes() == before
    # Nor has this one a script that is outdated.
    said = json.loads(cli("version", "-o", "json", **second).stdout)["item"]
    assert said["shim_state"] == "none"
    assert json.loads(cli("version", "-o", "json").stdout)["item"]["shim_state"] == "current"


def test_a_broken_one_is_written_by_its_own_configuration(
    script: Path, second: dict[str, str], make_world: MakeWorld
) -> None:
    script.chmod(0o600)
    found = look_at("kubeconfig-shim", make_world(**second))
    assert (found.status, found.mend) == ("failed", None)
    assert str(found.remedy) == (
        "in a shell that uses ~/.config/togetherctl/config.toml: togetherctl kubeconfig write"
    ), str(found.remedy)
    mend(look_at("kubeconfig-shim", make_world()))
    assert look_at("kubeconfig-shim", make_world()).status == "ok"
