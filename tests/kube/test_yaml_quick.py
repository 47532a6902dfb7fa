"""The quick reader never disagrees with the full parser: what it takes means the same, and the rest it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from togetherctl.kube import yaml_parse
from togetherctl.kube.yaml_nodes import Document
from togetherctl.kube.yaml_quick import read_quickly
from togetherctl.kube.yaml_text import YamlText
from togetherctl.kube.yaml_values import load

WRITTEN = """\
apiVersion: v1
kind: Config
# a comment of a person
preferences: {}
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTg==
    server: https://127.0.0.1:6443
    extensions:
    - name: togetherctl
      extension:
        cluster: c0
        profile: "p0"
  name: c0
contexts: []
current-context: ''
users:
- name: togetherctl:p0
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - get-token
      - --profile
      - p0
      env: null
      installHint: |
        togetherctl is not where this kubeconfig expects it. Install it again, then run:

          togetherctl kubeconfig write
      interactiveMode: IfAvailable
      provideClusterInfo: false

"""
# What only the full parser tells, or what is no YAML at all.
LEFT_ALONE = [
    "a: b",  # no end of the last line
    "a:\tb\n",
    "a: é\n",
    "a: &anchor b\nc: *anchor\n",
    "a: !!str 1\n",
    "<<: {}\n",
    "a: [b]\n",
    "a: {b: c}\n",
    'a: "\\n"\n',
    "a: 'it''s'\n",
    "a: b # c\n",
    "a: b: c\n",
    "a: >\n  b\n",
    "a: |2\n    b\n",
    "a: |\n\n  b\n",
    "a: |\n  b\n   \n  c\n",
    "a: |\n  b\n c: d\n",
    "a: b\n  c\n",
    "a: b\n  c: d\n",
    "a:\n- b\n  - c\n",
    "a:\n  b: c\n d: e\n",
    "a:\n-\n  b: c\n",
    "- a\n",
    "a\n",
    "{}\n",
    "",
    "\n",
    "---\na: b\n",
    "a: b\n---\nc: d\n",
    "a: b\n...\n",
    "? a\n: b\n",
    "yes: a\n",
    "null: a\n",
    "1: a\n",
    "'a': b\n",
    "a: b \n",
    "a: =\n",
    "a: -\n",
    "a: @b\n",
    "\ufeffa: b\n",
    "a:\r\n- b\r\n",
    "".join(f"{' ' * depth}a:\n" for depth in range(60)),
]


def test_it_reads_what_kubectl_and_we_write() -> None:
    read = read_quickly(WRITTEN)
    assert read == load(WRITTEN)
    assert read is not None
    assert read["users"][0]["user"]["exec"]["installHint"].endswith("run:\n\n  togetherctl kubeconfig write\n")


@pytest.mark.parametrize("text", LEFT_ALONE, ids=repr)
def test_it_leaves_the_rest_to_the_full_parser(text: str) -> None:
    assert read_quickly(text) is None


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "data").rglob("*.y*ml")), ids=lambda path: path.stem
)
def test_it_agrees_on_kubeconfigs_of_others(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    read = read_quickly(text)
    assert read is None or written(read) == written(load(text))


def test_it_agrees_on_whatever_is_written_and_then_spoilt() -> None:
    random = Random(16)  # noqa: S311 # words, no secrets
    taken = spoilt_and_taken = 0
    for number in range(4000):
        text = "\n".join(lines_of(random_mapping(random, 3), 0, random)) + "\n"
        is_spoilt = number % 4 != 0
        if is_spoilt:
            text = spoil(text, random)
        read = read_quickly(text)
        if read is not None:
            assert written(read) == written(load(text)), text
            taken += 1
            spoilt_and_taken += is_spoilt
    # Else nothing was compared.
    assert taken > 1500
    assert spoilt_and_taken > 700


def test_a_text_is_parsed_in_full_when_it_is_edited_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    full = yaml_parse.first

    def first(text: str) -> Document:
        parsed.append(text)
        return full(text)

    monkeypatch.setattr(yaml_parse, "first", first)
    text = YamlText(WRITTEN, lists=("clusters", "contexts", "users"))
    assert [entry["name"] for entry in text.entries("clusters")] == ["c0"]
    assert text.text() == WRITTEN
    assert parsed == []
    text.put("clusters", {"cluster": {"server": "https://127.0.0.1:1"}, "name": "c0"})
    changed = text.text()
    assert "# a comment of a person" in changed
    # What is about to be written is read again by the same rules.
    assert parsed == [WRITTEN, changed]
    YamlText("a: [b]\n")
    assert parsed[2:] == ["a: [b]\n"]


def written(value: Any) -> str:
    """Everything that a value says: its types, and the order of its keys."""
    return json.dumps(value)


WORDS = [
    *(
        "a",
        "b-c",
        "true",
        "null",
        "yes",
        "n",
        "1",
        "0x1f",
        "0b1",
        "0o7",
        "08",
        "1e3",
        ".5",
        "-1",
        "+1",
        "1_000",
        "12:30",
    ),
    *(
        "2001-01-01",
        "~",
        "~/x",
        "https://127.0.0.1:6443",
        "$(x)",
        "--profile",
        "-o",
        "a b",
        "a  b",
        "a#b",
        "a:b",
        ".nan",
    ),
    *(
        '""',
        "''",
        '"a: b # c"',
        "'yes'",
        '"1"',
        "{}",
        "[]",
        "LS0tLS1CRUdJTg==",
        "=",
        "(a)",
        "a, b",
        "a [b]",
        "a {b}",
        "_",
    ),
]
KEYS = ["name", "cluster", "user", "a", "b", "certificate-authority", "k8s.io/x", "_a"]


def random_mapping(random: Random, depth: int) -> dict[str, Any]:
    return {random.choice(KEYS): random_value(random, depth) for _ in range(random.randint(1, 3))}


def random_value(random: Random, depth: int) -> Any:
    kind = random.random()
    if depth and kind < 0.25:
        return random_mapping(random, depth - 1)
    if depth and kind < 0.5:
        return [random_value(random, depth - 1) for _ in range(random.randint(1, 3))]
    return random.choice(WORDS)


def lines_of(value: dict[str, Any], column: int, random: Random) -> list[str]:
    """A mapping of words, mappings and lists as text, in one of the ways that programs write it."""
    lines: list[str] = []
    step, list_step = random.choice([2, 2, 4]), random.choice([0, 0, 2])
    for key, item in value.items():
        margin = " " * column
        if isinstance(item, dict):
            lines += [f"{margin}{key}:", *lines_of(item, column + step, random)]
        elif isinstance(item, list):
            lines += [f"{margin}{key}:", *list_lines(item, column + list_step, random)]
        elif random.random() < 0.1:
            body = [
                f"{margin}  {line}" if line else ""
                for line in random.choice(["x", "x\n\n  y", "# x\ny: z\n\n"]).split("\n")
            ]
            lines += [f"{margin}{key}: {random.choice(['|', '|-'])}", *body]
        else:
            lines.append(f"{margin}{key}: {item}")
        if random.random() < 0.05:
            lines.append(random.choice(["", "# a comment", f"{margin}# a comment"]))
    return lines


def list_lines(items: list[Any], column: int, random: Random) -> list[str]:
    lines: list[str] = []
    dash = random.choice(["- ", "- ", "-   "])
    for item in items:
        inner = column + len(dash)
        if isinstance(item, dict):
            first, *rest = lines_of(item, inner, random)
            lines += [f"{' ' * column}{dash}{first.strip()}", *rest]
        elif isinstance(item, list):
            lines.append(f"{' ' * column}{dash}[]")
        else:
            lines.append(f"{' ' * column}{dash}{item}")
    return lines


def spoil(text: str, random: Random) -> str:
    """The text with one or two small changes, such as a slip of the hand makes."""
    for _ in range(random.randint(1, 2)):
        at = random.randrange(len(text))
        match random.randrange(5):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1:
                text = (
                    text[:at]
                    + random.choice(["  ", " ", "-", "- ", ":", ": ", "#", " #", "\n", "'", '"', "|", "{"])
                    + text[at:]
                )
            case 2:
                lines = text.split("\n")
                random.shuffle(lines)
                text = "\n".join(lines)
            case 3:
                lines = text.split("\n")
                place = random.randrange(len(lines))
                lines[place] = random.choice([" ", "  "]) + lines[place]
                text = "\n".join(lines)
            case _:
                lines = text.split("\n")
                place = random.randrange(len(lines))
                lines[place] = lines[place].removeprefix("  ")
                text = "\n".join(lines)
    return text
