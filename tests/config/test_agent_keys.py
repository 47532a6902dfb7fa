"""What the configuration says of the agent: `forward` of a profile, and `[agent]`."""

from __future__ import annotations

import pytest

from tests.conftest import Run, WriteConfig
from togetherctl.config.config import Config
from togetherctl.config.session_key import session_keys
from togetherctl.environment import CONFIG

STORE = """\
version = 1

[issuers.acme]
url = "https://login.example.com"

[profiles.a]
issuer = "acme"
client_id = "one"
"""


def test_nothing_is_handed_out_where_nothing_is_said(write_config: WriteConfig) -> None:
    table = Config.load(write_config(STORE), {}).table
    assert (table.profiles["a"].forward, table.agent.idle) == ("never", 86_400)


def test_a_person_sets_and_unsets_them(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    assert cli("profile", "set", "a", "forward=ask").code == 0
    done = cli("config", "set", "agent.idle=43200")
    assert (done.code, done.stderr) == (0, "Set agent.idle=43200.\n")
    table = Config.load(path, {}).table
    assert (table.profiles["a"].forward, table.agent.idle) == ("ask", 43_200)
    done = cli("config", "set", "agent.idle=")
    assert (done.code, done.stderr) == (0, "Unset agent.idle.\n")
    assert cli("profile", "unset", "a", "forward").code == 0
    table = Config.load(path, {}).table
    assert (table.profiles["a"].forward, table.agent.idle) == ("never", 86_400)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("config", "set", "agent.idle=-1"), "agent.idle: must be at least 0; it is '-1'"),
        (("config", "set", "agent.idle=2592001"), "agent.idle: must be at most 2592000; it is '2592001'"),
        (("config", "set", "agent.idle=day"), "agent.idle: must be a whole number; it is 'day'"),
        (("config", "set", "agent.idel=1"), "the configuration has no key agent.idel; did you mean agent.idle?"),
        (("config", "set", "agent.idle"), "agent.idle is not of the form KEY=VALUE"),
        (("profile", "set", "a", "forward=yes"), "forward: must be never, ask or always; it is 'yes'"),
        (("profile", "set", "a", "forwards=ask"), "profiles have no key forwards; did you mean forward?"),
    ],
)
def test_a_wrong_value_is_one_sentence_and_changes_nothing(
    words: tuple[str, ...], said: str, write_config: WriteConfig, cli: Run
) -> None:
    path = write_config(STORE)
    done = cli(*words)
    assert (done.code, done.stderr.splitlines()[0]) == (2, f"togetherctl: {said}")
    assert path.read_text() == STORE


def test_an_unknown_key_of_the_agent_has_its_line(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE + "\n[agent]\nidel = 3\n")
    assert f"{path}:11: agent.idel: not a known key; did you mean idle?" in cli("config", "validate").stderr


def test_the_session_is_the_same_whatever_forward_says(write_config: WriteConfig) -> None:
    before = session_keys(Config.load(write_config(STORE), {}).table)
    assert session_keys(Config.load(write_config(STORE + 'forward = "always"\n'), {}).table) == before


def test_an_export_leaves_them_out_and_says_so(write_config: WriteConfig, cli: Run) -> None:
    write_config(STORE + 'forward = "always"\n\n[agent]\nidle = 3600\n')
    done = cli("profile", "export")
    assert "forward" not in done.stdout
    assert "agent" not in done.stdout
    assert "Left out of profile a: forward." in done.stderr
    assert "Left out of the configuration: agent." in done.stderr


def test_a_bundle_cannot_turn_forwarding_on(write_config: WriteConfig, cli: Run) -> None:
    path = write_config("version = 1\n")
    bundle = path.parent / "team.toml"
    bundle.write_text(STORE + 'forward = "always"\n\n[agent]\nidle = 0\n')
    done = cli("profile", "import", str(bundle), "--yes")
    assert done.code == 2
    assert "profiles.a.forward: togetherctl lets no bundle send your credentials to other machines" in done.stderr
    assert "agent: togetherctl leaves that choice to you, not to a bundle" in done.stderr
    assert path.read_text() == "version = 1\n"


def test_it_is_no_weight_on_the_way_of_a_credential(write_config: WriteConfig) -> None:
    profile = Config.load(write_config(STORE + 'forward = "always"\n'), {CONFIG: ""}).profile("a")
    assert not hasattr(profile, "forward")
