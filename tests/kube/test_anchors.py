"""Anchors and aliases of a kubeconfig stay where they are; where that cannot be, the line and the alias are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubelogin.test_convert import stanza
from togetherctl.kube.yaml_edit import CannotEditYAML
from togetherctl.kube.yaml_text import YamlText, load

if TYPE_CHECKING:
    from tests.conftest import Run

CA = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
SHARED = f"""\
apiVersion: v1
kind: Config
clusters:
- name: a
  cluster:
    server: https://a
    certificate-authority-data: &ca {CA}   # of both
- name: b
  cluster:
    server: https://b
    certificate-authority-data: *ca
contexts:
- {{name: a, context: {{cluster: a, user: me}}}}
- {{name: b, context: {{cluster: b, user: me}}}}
users:
- name: me
  user: {stanza()}
"""


def lines_gone(before: str, after: str) -> list[str]:
    kept = after.splitlines()
    return [line for line in before.splitlines() if line not in kept]


def test_converting_keeps_a_shared_authority(home: Path, cli: Run) -> None:
    config = home / "config"
    config.write_text(SHARED)
    done = cli("kubeconfig", "convert", "--all", "--portable", "--kubeconfig", str(config))
    assert done.code == 0, done.stderr
    text = config.read_text()
    assert f"certificate-authority-data: &ca {CA}   # of both\n" in text
    assert "certificate-authority-data: *ca\n" in text
    assert [line for line in lines_gone(SHARED, text) if "context" not in line and "user" not in line] == []


def test_writing_and_removing_keep_it(home: Path, cli: Run, acme: Path) -> None:
    assert acme.exists()
    config = home / ".kube" / "config"
    config.parent.mkdir()
    config.write_text(SHARED)
    assert cli("kubeconfig", "write", "--portable").code == 0
    assert lines_gone(SHARED, config.read_text()) == []
    assert cli("kubeconfig", "remove", "--all", "--yes").code == 0
    assert config.read_text() == SHARED


def test_an_authority_moves_to_who_needs_it_next() -> None:
    document = YamlText(SHARED)
    first = document.entries("clusters")[0]
    document.replace("clusters", first, None)
    changed = document.text()
    assert f"    certificate-authority-data: &ca {CA}\n" in changed
    assert load(changed)["clusters"] == load(SHARED)["clusters"][1:]


def put(text: str, section: str, name: str, **body: Any) -> str:
    document = YamlText(text)
    entry = next(entry for entry in document.entries(section) if entry["name"] == name)
    document.put(section, {**entry, **body})
    return document.text()


def test_what_an_anchor_no_longer_says_is_written_out() -> None:
    text = "users:\n- name: a\n  user: &u {token: x}\n- name: b\n  user: *u\n- name: c\n  user: *u\n"
    changed = put(text, "users", "a", user={"token": "z"})
    data = load(changed)
    assert [entry["user"] for entry in data["users"]] == [{"token": "z"}, {"token": "x"}, {"token": "x"}]
    assert put(text, "users", "b", user={"token": "z"}).count("*u") == 1


def test_a_merge_stays_and_is_written_over() -> None:
    text = (
        "x: &d\n  proxy-url: http://p\nclusters:\n- name: a\n  cluster:\n    <<: *d   # ours\n    server: https://a\n"
    )
    changed = put(text, "clusters", "a", cluster={"proxy-url": "http://q", "server": "https://b"})
    assert changed == text.replace("https://a\n", "https://b\n    proxy-url: http://q\n")


@pytest.mark.parametrize(
    ("text", "name", "body", "reason"),
    [
        (
            "x: &d {proxy-url: 'http://p'}\nclusters:\n- name: a\n  cluster:\n    <<: *d\n    server: s\n",
            "a",
            {"server": "s"},
            r"line 5: \*d merges proxy-url into this entry",
        ),
    ],
)
def test_what_cannot_be_kept_is_named(text: str, name: str, body: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotEditYAML, match=reason):
        put(text, "clusters", name, cluster=body)


def test_a_block_that_others_need_is_named_with_its_line(home: Path, cli: Run, acme: Path) -> None:
    assert acme.exists()
    config = home / ".kube" / "config"
    config.parent.mkdir()
    assert cli("kubeconfig", "write", "--portable").code == 0
    text = config.read_text().replace("- cluster:\n    server", "- cluster: &east\n    server", 1)
    config.write_text(text + "x-copy: *east\n")
    before = config.read_text()
    line = next(at for at, one in enumerate(before.splitlines(), 1) if "*east" in one)
    done = cli("kubeconfig", "remove", "east", "--yes")
    assert done.code == 7
    assert f"line {line}: *east needs the anchor of line 4, which goes; it was left alone" in done.stderr, done.stderr
    assert config.read_text() == before


@pytest.mark.parametrize(
    "text",
    [
        "x: &c\n- {name: a, context: {cluster: a}}\ncontexts: *c\n",
        "x: &c\n- name: a\n  context: {cluster: a}\ncontexts: *c\n",
        "contexts: &c\n- {name: a, context: {cluster: a}}\nx: *c\n",
        "x: &d\n  contexts:\n  - {name: a, context: {cluster: a}}\n<<: *d\n",
        "x: [&e {name: a, context: {cluster: a}}]\ncontexts:\n- *e\n",
        "contexts: &c []\nx: *c\n",
    ],
)
def test_lists_behind_anchors_are_changed_and_their_aliases_are_not(text: str) -> None:
    new = {"name": "b", "context": {"cluster": "b"}}
    document = YamlText(text)
    document.put("contexts", new)
    before, after = load(text), load(document.text())
    assert after.pop("contexts") == [*before.pop("contexts"), new]
    assert after == before
    document = YamlText(document.text())
    document.replace("contexts", next(e for e in document.entries("contexts") if e["name"] == "b"), None)
    assert {key: value for key, value in load(document.text()).items() if key != "contexts"} == before


def test_json_with_everything_stays_json() -> None:
    text = json.dumps({"kind": "Config", "contexts": [{"name": "a", "context": {}}]}, indent="\t")
    document = YamlText(text)
    document.put("contexts", {"name": "b", "context": {"cluster": "b"}})
    assert json.loads(document.text())["contexts"][1] == {"name": "b", "context": {"cluster": "b"}}
    added = [line for line in document.text().splitlines() if line not in text.splitlines()]
    assert all(line.startswith("\t") and "    " not in line for line in added)
