"""A newer bundle: its changes come, edits of one's own stay, and no host gets anything unasked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.importing.bundles.conftest import BUNDLE, Publish, Took
from togetherctl.config.toml_text import TomlText
from togetherctl.importing.bundle import read
from togetherctl.importing.bundle_plan import plan_bundle

if TYPE_CHECKING:
    from tests.conftest import Run

EAST, WEST = "https://east.acme.com:6443", "https://west.acme.com:6443"
NORTH = '\n[clusters.north]\nprofile = "acme"\nserver = "https://north.acme.com"\n'


def newer(*edits: tuple[str, str]) -> str:
    text = BUNDLE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


def lines(mine: str, new: str, *, base: str | None = BUNDLE) -> list[str]:
    old = read(base.encode(), origin="old") if base is not None else None
    return list(plan_bundle(tomllib.loads(mine), old, read(new.encode(), origin="new")).difference())


def test_what_the_bundle_changes_comes() -> None:
    assert lines(BUNDLE, newer(('namespace = "training"', 'namespace = "serving"\nusername_claim = "sub"'))) == [
        '~ cluster east: namespace: "training" -> "serving"',
        '~ cluster east: username_claim: not set -> "sub"',
    ]
    assert lines(BUNDLE, newer(('namespace = "training"\n', ""))) == [
        '~ cluster east: namespace: "training" -> not set'
    ]


def test_edits_of_ones_own_stay() -> None:
    mine = newer(('namespace = "training"', 'namespace = "mine"'), ('"email"]', '"email", "groups"]'))
    assert lines(mine, BUNDLE) == []
    assert lines(mine, newer((EAST, "https://east-2.acme.com"))) == [
        f'~ cluster east: server: "{EAST}" -> "https://east-2.acme.com"'
    ]
    assert lines(mine, newer(('namespace = "training"', 'namespace = "serving"'))) == [
        '= cluster east: namespace keeps your value "mine"; the source has "serving"'
    ]
    assert lines(mine, newer(('namespace = "training"', 'namespace = "mine"'))) == []


def test_a_certificate_file_of_ones_own_stays() -> None:
    mine = newer(('namespace = "training"', 'namespace = "training"\nca_file = "mine.pem"'))
    data = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"
    new = newer(('namespace = "training"', f'namespace = "training"\nca_data = "{data}"'))
    assert lines(mine, new) == [
        f"= cluster east: ca_data keeps your value mine.pem; the source has {data}",
    ]


def test_what_has_other_names_here_is_known_all_the_same() -> None:
    mine = (
        newer(("[issuers.acme]", "[issuers.okta]"), ('issuer = "acme"', 'issuer = "okta"'))
        .replace("[profiles.acme]", "[profiles.work]")
        .replace('profile = "acme"', 'profile = "work"')
        .replace("[clusters.east]", "[clusters.gpu]")
    )
    assert lines(mine, BUNDLE) == []
    assert lines(mine, newer((EAST, "https://east-2.acme.com"), ("0oa1b2c3d4", "0oa9")) + NORTH) == [
        '~ profile work: client_id: "0oa1b2c3d4" -> "0oa9"',
        f'~ cluster gpu: server: "{EAST}" -> "https://east-2.acme.com"',
        "+ cluster north: https://north.acme.com",
    ]


def test_a_name_that_is_taken_gets_a_number() -> None:
    other = '\n[clusters.north]\nprofile = "acme"\nserver = "https://mine.example"\n'
    update = plan_bundle(
        tomllib.loads(BUNDLE + other),
        read(BUNDLE.encode(), origin="old"),
        read((BUNDLE + NORTH).encode(), origin="new"),
    )
    assert update.added == {("cluster", "north-2"): {"profile": "acme", "server": "https://north.acme.com"}}
    assert update.touched("cluster") == ["north-2"]


def test_a_namesake_that_was_here_before_is_left_alone() -> None:
    mine = (
        '[issuers.acme]\nurl = "https://mine.example"\n\n[profiles.acme]\nissuer = "acme"\nclient_id = "mine"\n\n'
        '[clusters.east]\nprofile = "acme"\nserver = "https://mine.example"\n'
    )
    came = {
        ("issuer", "acme-2"): {"url": "https://acme.okta.com/oauth2/default"},
        ("profile", "acme-2"): {"issuer": "acme-2", "client_id": "0oa1b2c3d4", "scopes": ["openid", "email"]},
        ("cluster", "east-2"): {"profile": "acme-2", "server": EAST, "namespace": "training"},
        ("cluster", "west"): {"profile": "acme-2", "server": WEST},
    }
    bundle = read(BUNDLE.encode(), origin="new")
    update = plan_bundle(tomllib.loads(mine), None, bundle)
    assert (update.added, update.changes, update.kept) == (came, [], [])
    text = TomlText(mine)
    update.apply(text)
    new = read(newer((EAST, "https://east-2.acme.com"), ("0oa1b2c3d4", "0oa9")).encode(), origin="newer")
    changes = plan_bundle(text.data, bundle, new).changes
    assert [(change.entry, change.theirs) for change in changes] == [
        (("profile", "acme-2"), "0oa9"),
        (("cluster", "east-2"), "https://east-2.acme.com"),
    ]


def test_what_tells_an_entry_from_others_may_be_edited_too() -> None:
    mine = newer((EAST, "https://127.0.0.1"), ("0oa1b2c3d4", "0oa9"), ("default", "mine"))
    assert lines(mine, newer(('namespace = "training"', 'namespace = "serving"'))) == [
        '~ cluster east: namespace: "training" -> "serving"',
    ]
    assert lines(mine, newer((EAST, "https://east-2.acme.com"))) == [
        '= cluster east: server keeps your value "https://127.0.0.1"; the source has "https://east-2.acme.com"'
    ]


ADMIN = '\n[profiles.acme-admin]\nissuer = "acme"\nclient_id = "0oa1b2c3d4"\nscopes = ["openid", "admin"]\n'


def test_profiles_of_one_client_are_told_apart() -> None:
    added = plan_bundle(tomllib.loads(BUNDLE), None, read((BUNDLE + ADMIN).encode(), origin="new")).added
    assert list(added) == [("profile", "acme-admin")]
    new = (BUNDLE + ADMIN).replace('"admin"]', '"admin"]\ntoken = "access"')
    assert lines(BUNDLE, new, base=BUNDLE + ADMIN) == []
    assert lines(BUNDLE + ADMIN, new, base=BUNDLE + ADMIN) == ['~ profile acme-admin: token: not set -> "access"']
    renamed = (BUNDLE + ADMIN).replace("[profiles.acme-admin]", "[profiles.root]")
    assert lines(renamed, new, base=BUNDLE + ADMIN) == ['~ profile root: token: not set -> "access"']


def test_what_left_the_bundle_stays() -> None:
    new = BUNDLE[: BUNDLE.index("\n[clusters.west]")]
    assert lines(BUNDLE, new) == [
        "- cluster west: not in the bundle any more; it stays (togetherctl cluster remove west)"
    ]


def test_what_somebody_removed_does_not_come_back() -> None:
    mine = BUNDLE[: BUNDLE.index("\n[clusters.west]")]
    assert lines(mine, newer((WEST, "https://west-2.acme.com"))) == []
    assert lines("", newer((WEST, "https://west-2.acme.com"))) == []
    assert lines("", BUNDLE + NORTH) == [
        "+ issuer acme: https://acme.okta.com/oauth2/default",
        "+ profile acme: 0oa1b2c3d4",
        "+ cluster north: https://north.acme.com",
    ]


def test_new_ones_bring_what_they_need() -> None:
    lab = (
        '\n[issuers.lab]\nurl = "https://lab.acme.com"\n\n[issuers.unused]\nurl = "https://unused.acme.com"\n'
        '\n[profiles.lab]\nissuer = "lab"\nclient_id = "kube"\n\n[profiles.ci]\nissuer = "acme"\nclient_id = "ci"\n'
        '\n[clusters.lab]\nprofile = "lab"\nserver = "https://kube.lab.acme.com"\n'
        '\n[clusters.east-ci]\nprofile = "ci"\nserver = "https://east.acme.com:6443"\n'
    )
    assert lines(BUNDLE, BUNDLE + lab) == [
        "+ issuer lab: https://lab.acme.com",
        "+ profile lab: kube",
        "+ profile ci: ci",
        "+ cluster lab: https://kube.lab.acme.com",
        "+ cluster east-ci: https://east.acme.com:6443",
    ]


def test_a_profile_that_moves_to_a_new_issuer_finds_it() -> None:
    new = newer(('issuer = "acme"', 'issuer = "new"')) + '\n[issuers.new]\nurl = "https://new.acme.com"\n'
    new = new.replace('[issuers.acme]\nurl = "https://acme.okta.com/oauth2/default"\n', "")
    assert lines(BUNDLE, new) == [
        '~ profile acme: issuer: "acme" -> "new"',
        "+ issuer new: https://new.acme.com",
        "- issuer acme: not in the bundle any more; it stays (togetherctl issuer remove acme)",
    ]


def test_without_a_copy_what_differs_counts_as_ones_own() -> None:
    mine = newer(('namespace = "training"', 'namespace = "mine"'))
    new = newer(('namespace = "training"', 'namespace = "serving"\nusername_claim = "sub"')) + NORTH
    assert lines(mine, new, base=None) == [
        '~ cluster east: username_claim: not set -> "sub"',
        "+ cluster north: https://north.acme.com",
        '= cluster east: namespace keeps your value "mine"; the source has "serving"',
    ]


def data(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_a_bundle_that_is_the_same_changes_nothing(took: Took, publish: Publish, cli: Run) -> None:
    url = publish()
    path = took(url)
    before = path.read_bytes()
    done = cli("profile", "update")
    assert (done.code, done.stdout) == (0, "")
    assert f"Bundle team is as it was at {url}." in done.stderr
    assert path.read_bytes() == before


def test_a_newer_one_is_taken(took: Took, publish: Publish, cli: Run, home: Path) -> None:
    url = publish(newer(('namespace = "training"', 'namespace = "serving"')))
    path = took(url, ('profile = "acme"\nserver = "https://west', '# mine\nprofile = "acme"\nserver = "https://west'))
    done = cli("profile", "update", "--yes")
    assert (done.code, done.stdout) == (0, '~ cluster east: namespace: "training" -> "serving"\n'), done.stderr
    assert "togetherctl kubeconfig write east" in done.stderr
    assert data(path)["clusters"]["east"]["namespace"] == "serving"
    assert "# mine" in path.read_text(encoding="utf-8")
    kept = {file.name for file in (home / "tctl" / "state" / "bundles").iterdir()}
    assert kept == {f"{data(path)['bundles']['team']['sha256']}.toml"}
    assert "is as it was" in cli("profile", "update", "team").stderr


@pytest.mark.parametrize(
    ("edit", "host"),
    [
        ((WEST, "https://evil.example"), "evil.example"),
        (("https://acme.okta.com/", "https://evil.example/"), "evil.example"),
        ((WEST, f'{WEST}"\ntls_server_name = "evil'), "west.acme.com"),
    ],
)
def test_yes_agrees_to_no_new_host(took: Took, publish: Publish, cli: Run, edit: tuple[str, str], host: str) -> None:
    path = took(publish(newer(edit)))
    before = path.read_bytes()
    done = cli("profile", "update", "--yes")
    assert done.code == 2
    assert f"--trust-host {host}" in done.stderr
    assert path.read_bytes() == before
    assert host in cli("profile", "update", "--dry-run").stderr
    assert cli("profile", "update", "--yes", "--trust-host", "other.example").code == 2
    assert path.read_bytes() == before
    flags = [word for line in done.stderr.splitlines() if "add --trust-host" in line for word in line.split()]
    done = cli("profile", "update", "--yes", *flags[flags.index("--trust-host") :])
    assert done.code == 0, done.stderr
    assert path.read_bytes() != before


def test_a_file_leads_no_login_that_is_here_to_another_host_by_yes(took: Took, team_file: Path, cli: Run) -> None:
    path = took(str(team_file))
    team_file.write_text(newer((WEST, "https://west-2.acme.com")), encoding="utf-8")
    before = path.read_bytes()
    done = cli("profile", "update")
    assert done.code == 2
    assert path.read_bytes() == before
    refused = cli("profile", "update", "--yes")
    assert (refused.code, "add --trust-host west-2.acme.com" in refused.stderr) == (2, True), refused.stderr
    assert path.read_bytes() == before
    assert cli("profile", "update", "--yes", "--trust-host", "west-2.acme.com").code == 0
    assert data(path)["clusters"]["west"]["server"] == "https://west-2.acme.com"


def test_a_newer_one_that_is_forbidden_changes_nothing(took: Took, publish: Publish, cli: Run) -> None:
    path = took(publish(newer(('namespace = "training"', 'proxy_url = "http://evil.example"'))))
    before = path.read_bytes()
    done = cli("profile", "update", "--yes", "--trust-host", "evil.example")
    assert done.code == 2
    assert "clusters.east.proxy_url: togetherctl lets no bundle choose a proxy" in done.stderr
    assert path.read_bytes() == before


def test_one_that_does_not_fit_changes_nothing(took: Took, team_file: Path, cli: Run) -> None:
    path = took(str(team_file), ("[clusters.west]", '[clusters.west]\ncontext = "prod"'))
    team_file.write_text(newer(('namespace = "training"', 'context = "prod"')), encoding="utf-8")
    before = path.read_bytes()
    done = cli("profile", "update", "--yes")
    assert done.code == 2
    assert "does not fit into your configuration" in done.stderr
    assert path.read_bytes() == before


def test_one_that_fails_does_not_keep_the_others(took: Took, team_file: Path, tmp_path: Path, cli: Run) -> None:
    path = took(str(team_file))
    text = path.read_text(encoding="utf-8")
    digest = data(path)["bundles"]["team"]["sha256"]
    for name, source in (("a-gone", f"{tmp_path}/gone.toml"), ("b-typed", "-")):
        text += f'\n[bundles.{name}]\nsource = "{source}"\nsha256 = "{digest}"\n'
    path.write_text(text, encoding="utf-8")
    team_file.write_text(newer(('namespace = "training"', 'namespace = "serving"')), encoding="utf-8")
    done = cli("profile", "update", "--yes")
    assert done.code == 2
    assert "gone.toml cannot be read" in done.stderr
    assert "Bundle b-typed came from standard input" in done.stderr
    assert data(path)["clusters"]["east"]["namespace"] == "serving"
    assert "cannot be asked again" in cli("profile", "update", "b-typed").stderr


def test_a_change_without_meaning_is_remembered_unasked(took: Took, team_file: Path, cli: Run) -> None:
    path = took(str(team_file))
    team_file.write_text(f"# A comment.\n{BUNDLE}", encoding="utf-8")
    done = cli("profile", "update")
    assert (done.code, done.stdout) == (0, ""), done.stderr
    assert "is as it was" in cli("profile", "update").stderr
    assert data(path)["clusters"] == data(team_file)["clusters"]


def test_without_a_bundle_there_is_nothing_to_do(cli: Run) -> None:
    assert "There is no bundle in your configuration" in cli("profile", "update").stderr
    done = cli("profile", "update", "team")
    assert done.code == 2
    assert "there is no bundle team" in done.stderr
