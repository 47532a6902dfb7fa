"""A kubeconfig as a person's text: what is not meant to change is byte for byte what it was."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest

from togetherctl.kube.redact import without_credentials
from togetherctl.kube.yaml_text import CannotEditYAML, NotYAML, YamlText, dump, load

NEW = {"context": {"cluster": "east", "user": "togetherctl:acme"}, "name": "east"}

HANDWRITTEN = """\
# my clusters
apiVersion: v1
clusters:   # two of them
- cluster:
    server: https://a   # keep
    certificate-authority-data: AAA=
  name: a
# a comment before b
- name: b
  cluster: {server: "https://b"}   # flow

contexts:
    - name: deep    # indented more than most
      context:
        cluster: a
        user: 'me'
        namespace: "on"
current-context: deep # here I am
kind: Config
preferences: {}
users:
- name: me
  user:
    exec:
      command: |
        several
        lines # no comment

    # after the user
x-mine: [1, 2]
"""

LAYOUTS = {
    "handwritten": HANDWRITTEN,
    "CRLF": HANDWRITTEN.replace("\n", "\r\n"),
    "no newline at the end": HANDWRITTEN.rstrip(),
    "empty": "",
    "only a comment": "# nothing yet\n",
    "nulls": "apiVersion: v1\nclusters: null\ncontexts:\nusers: ~\ncurrent-context: ''\n",
    "empty lists": "contexts: []   # none\nclusters: [ ]\nusers:\n  []\nkind: Config\n",
    "flow": "contexts: [{name: u, context: {}}, {name: a, context: {x: 1}}]\nkind: Config\n",
    "a document marker": "---\nkind: Config\ncontexts:\n- name: a\n  context: {}\n",
    "a lonely dash": "contexts:\n-\n  name: a\n  context: {}\n- name: z\n  context: {}\n",
    "JSON": '{\n    "kind": "Config",\n    "contexts": [ {"name":"a","context":{}} ]\n}\n',
    "JSON in a line": '{"kind":"Config"}',
    "non-ASCII": "# Mühle\ncontexts:\n- name: größe\n  context: {}\nkind: Config\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_an_added_entry_is_the_only_change(text: str) -> None:
    document = YamlText(text)
    document.put("contexts", NEW)
    changed = document.text()
    before, after = load(text) or {}, load(changed)
    assert after["contexts"] == [*(before.get("contexts") or []), NEW]
    assert {**after, "contexts": before.get("contexts")} == {"contexts": None, **before}
    if text.lstrip().startswith("{") or "\n  []" in text:
        return
    kept = [line for line in text.splitlines() if not line.startswith("contexts")]
    position = -1
    for line in kept:
        position = changed.splitlines().index(line, position + 1)
    for line in text.splitlines():
        if "#" in line:
            assert line.partition("#")[2] in changed
    assert ("\r\n" in changed) == ("\r\n" in text)
    assert changed.count("\r\n") in (0, changed.count("\n"))


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_nothing_to_change_changes_nothing(text: str) -> None:
    document = YamlText(text)
    for entry in document.entries("contexts"):
        document.put("contexts", entry)
    assert document.text() == text


@pytest.mark.parametrize("text", [text for text in LAYOUTS.values() if "name" in text], ids=lambda text: text[:12])
def test_a_replaced_entry_is_the_only_change(text: str) -> None:
    document = YamlText(text)
    first = document.entries("contexts")[0]
    document.put("contexts", {**first, "context": {"cluster": "other"}})
    before, after = load(text), load(document.text())
    assert after["contexts"][0] == {**first, "context": {"cluster": "other"}}
    assert after["contexts"][1:] == before["contexts"][1:]
    assert {**after, "contexts": 0} == {**before, "contexts": 0}


def test_a_replaced_entry_keeps_its_comments_and_its_neighbours() -> None:
    document = YamlText(HANDWRITTEN)
    document.put("clusters", {"cluster": {"server": "https://a2", "certificate-authority-data": "AAA="}, "name": "a"})
    assert document.text() == HANDWRITTEN.replace("server: https://a   # keep", "server: https://a2   # keep")


def test_a_scalar_is_replaced_where_it_stands_or_added() -> None:
    document = YamlText(HANDWRITTEN)
    document.put_scalar("current-context", "on")
    assert document.text() == HANDWRITTEN.replace("current-context: deep #", "current-context: 'on' #") or (
        load(document.text())["current-context"] == "on"
    )
    document = YamlText("kind: Config")
    document.put_scalar("current-context", "a: b")
    assert load(document.text()) == {"kind": "Config", "current-context": "a: b"}


ANCHORS = """\
contexts:
- &first
  name: a
  context: {cluster: x}
- <<: *first
  name: b
"""


def test_an_anchor_that_others_need_is_not_broken() -> None:
    document = YamlText(ANCHORS)
    document.put("contexts", NEW)
    assert load(document.text())["contexts"][1] == {"name": "b", "context": {"cluster": "x"}}
    document = YamlText(ANCHORS)
    document.put("contexts", {"name": "a", "context": {"cluster": "y"}})
    try:
        changed = load(document.text())
    except CannotEditYAML:
        return
    assert changed["contexts"][1] == {"name": "b", "context": {"cluster": "x"}}


BOMB = f"a0: &a0 [{'1, ' * 9}1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "line 1:"),
        ("a: 1\n b: 2\n", "line 2:"),
        ("- a\n", "^it holds a list$"),
        ("hello", "^it holds only text$"),
        ("a: &x [*x]\n- b", "line"),
        ("a: !!python/object:os.system {}\n", "line 1"),
        ("? [a]\n: b\n", "^line 1: a key that is no text$"),
        ("a: *x\n", "^line 1: there is no anchor x above$"),
        ("a: {<<: 1}\n", "^line 1: only mappings can be merged$"),
        ("\x00", "control character|not YAML|special characters"),
        ("a: !!bool hello\n", "^line 1: cannot be read as bool$"),
        ("a: " + "[" * 3000, "^nested too deeply$"),
        ("a: &x [*x]\n", "^its aliases make it endless$"),
        ("a: &x {b: *x}\n", "^its aliases make it endless$"),
        (BOMB, "^its aliases make it endless$"),
    ],
)
def test_what_is_no_kubeconfig_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(NotYAML, match=said):
        YamlText(text)


@pytest.mark.parametrize("value", ["5", "true", "1.5", "{a: 1}", "{}", "''", "text", "2026-11-23"])
@pytest.mark.parametrize("form", ["kind: Config\nclusters: {}\n", '{{"kind": "Config",\n"clusters": {}}}'])
def test_a_list_that_is_none_is_said_with_its_line(value: str, form: str) -> None:
    text = form.format(value)
    with pytest.raises(NotYAML, match="^line 2: clusters is not a list$"):
        YamlText(text, lists=("contexts", "clusters"))
    document = YamlText(text)
    document.put("clusters", NEW)
    with pytest.raises(CannotEditYAML):
        document.text()


@pytest.mark.parametrize(
    "text",
    [
        "? contexts\n",
        "kind: Config\n? contexts",
        '{"x": 2026-11-23}',
        "{1: 2}",
        "x: [&e {name: east}]\ncontexts:\n- *e\n",
        "contexts: [{name: east, since: 2026-11-23}]\n",
        "contexts:\n- name: east\n  ? a\n  : b\n",
    ],
)
def test_odd_layouts_are_edited_right_or_left_alone(text: str) -> None:
    document = YamlText(text, lists=("contexts",))
    for entry in [*document.entries("contexts"), NEW]:
        document.put("contexts", {**entry, **NEW})
    document.put_scalar("current-context", "east")
    before = load(text)
    try:
        changed = load(document.text())
    except CannotEditYAML:
        return
    assert NEW.items() <= changed["contexts"][0].items()
    kept = {key: value for key, value in before.items() if key != "contexts"}
    assert kept.items() <= changed.items()


def test_long_values_and_blocks_are_written_as_kubectl_writes_them() -> None:
    assert dump({"a": "x" * 500}) == f"a: {'x' * 500}\n"
    document = YamlText("")
    document.put("users", {"name": "u", "user": {"hint": "one\ntwo\n"}})
    assert "hint: |\n      one\n      two\n" in document.text()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1\na: 2\n", {"a": 2}),
        ("a: {x: 1, x: 2}\n", {"a": {"x": 2}}),
        ("a:\tx\nb: [1,\t2]\n", {"a": "x", "b": [1, 2]}),
        ("a: =\nb: <<\n", {"a": "=", "b": "<<"}),
        ("a: {x: 1, <<: {x: 2, z: 3}}\n", {"a": {"x": 2, "z": 3}}),
        ("a: {<<: [{x: 1}, {x: 2, z: 3}], z: 4}\n", {"a": {"x": 1, "z": 4}}),
        ('a: {"<<": {x: 1}}\n', {"a": {"<<": {"x": 1}}}),
        ("a: yes\nb: Off\nc: 0777\nd: 1_000\ne: 08\nf: 0b\n", {"a": 1, "b": 0, "c": 511, "d": 1000, "e": 8, "f": "0b"}),
        ("a: 2026-99-99\nb: 1:30\nc: 1e\nd: +\n", {"a": "2026-99-99", "b": "1:30", "c": "1e", "d": "+"}),
        ("1: a\nyes: b\n", {"1": "a", "true": "b"}),
        ("a: !!str 12\nb: !!binary aGk=\nc: !mine x\n", {"a": "12", "b": "hi", "c": "x"}),
        ("a: 1\n---\nb: [\n", {"a": 1}),
        ("a: 1\n...\nb: [\n", {"a": 1}),
        ("null\n", None),
        (f"a: {'1' * 5000}\n", {"a": "1" * 5000}),
    ],
)
def test_a_text_says_what_kubectl_reads(text: str, data: object) -> None:
    """Each was compared with `kubectl config view`; tests/kube/test_kubectl_reads.py does that at large."""
    assert load(text) == data


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "-\ta: 1\n", "a: 1\n\tb: 2\n"])
def test_a_tab_is_no_indent(text: str) -> None:
    with pytest.raises(NotYAML, match="cannot start any token"):
        load(text)


@pytest.mark.parametrize(
    "name",
    [
        "no",
        "On",
        "y",
        "null",
        "~",
        "True",
        "1.5",
        "0x1f",
        "017",
        "1_000",
        "1:30",
        "2026-11-23",
        ".inf",
        "1e3",
        "-7",
        "=",
    ],
)
def test_a_name_means_the_same_to_kubectl(name: str) -> None:
    """kubectl speaks YAML 1.1, where plain words such as `no` are no text."""
    import yaml  # the YAML 1.1 library that comes with the Kubernetes client

    document = YamlText("current-context: x\n")
    document.put("contexts", {"context": {"cluster": name, "user": f"togetherctl:{name}"}, "name": name})
    document.put_scalar("current-context", name)
    read = yaml.safe_load(document.text())
    assert read["contexts"] == [{"context": {"cluster": name, "user": f"togetherctl:{name}"}, "name": name}]
    assert read["current-context"] == name
    assert yaml.safe_load(dump({"x": [name]})) == {"x": [name]}


def test_what_could_hide_is_escaped() -> None:
    assert dump({"a": "x\u202ey\u200b\x9b"}).isascii()
    assert load(dump({"a": "x\u202ey"})) == {"a": "x\u202ey"}


def test_credentials_are_hidden_however_they_are_written() -> None:
    text = """\
users:
- name: a
  user:
    token: SECRET-1
    client-key-data: >-
      SECRET-2
      SECRET-3
    client-certificate-data: "SECRET-4"   # kept
- {name: b, user: {password: SECRET-5, username: me}}
- name: c
  user:
    auth-provider:
      config: {id-token: SECRET-6, "refresh-token": 'SECRET-7', client-secret: SECRET-8}
"""
    hidden = without_credentials(text)
    assert "SECRET" not in hidden
    assert hidden.count("(hidden)") == 7
    assert "username: me" in hidden
    assert "# kept" in hidden
    assert without_credentials("") == ""


def test_credentials_are_hidden_behind_aliases_and_odd_keys_too() -> None:
    text = "? [a]\n: b\nx: {token: &t SECRET-1, password: *t}\ny: {token: *t}\nz:\n  token: [SECRET-2]\nend: shown\n"
    hidden = without_credentials(text)
    assert "SECRET" not in hidden
    assert hidden.startswith("? [a]\n: b\nx: {token: ")
    assert hidden.endswith("z:\n  token: [(hidden)]\nend: shown\n")


@pytest.mark.parametrize("text", [*LAYOUTS.values(), ANCHORS], ids=[*LAYOUTS, "anchors"])
@pytest.mark.parametrize("doomed", ["first", "last", "all"])
def test_an_entry_that_is_taken_out_is_the_only_change(text: str, doomed: str) -> None:
    document = YamlText(text)
    entries = document.entries("contexts")
    gone = entries if doomed == "all" else entries[:1] if doomed == "first" else entries[-1:]
    for entry in gone:
        document.replace("contexts", entry, None)
    before = load(text) or {}
    try:
        changed = document.text()
    except CannotEditYAML:
        # Another entry needs what the first one anchors.
        assert (text, doomed) == (ANCHORS, "first")
        return
    wanted = {**before, "contexts": [e for e in entries if e not in gone]} if gone else before
    if gone and len(gone) == len(entries) and list(before)[-1] == "contexts" and len(before) > 1:
        # At the end is where togetherctl adds a list, which goes with its last entry.
        del wanted["contexts"]
    assert (load(changed) or {}) == wanted
    if not text.lstrip().startswith("{"):
        taken = SequenceMatcher(None, text.splitlines(), changed.splitlines(), autojunk=False).get_opcodes()
        assert {step[0] for step in taken if "contexts" not in text.splitlines()[min(step[1], step[2] - 1)]} <= {
            "equal",
            "delete",
        }
    assert changed.count("\r\n") in (0, changed.count("\n"))


def test_what_is_taken_out_leaves_the_comments_around_it() -> None:
    document = YamlText(HANDWRITTEN)
    document.replace("clusters", document.entries("clusters")[0], None)
    document.replace("users", document.entries("users")[0], None)
    expected = HANDWRITTEN.replace(
        "- cluster:\n    server: https://a   # keep\n    certificate-authority-data: AAA=\n  name: a\n", ""
    )
    start, end = expected.index("- name: me"), expected.index("\n    # after the user")
    assert document.text() == expected[:start].replace("users:", "users: []") + expected[end:]


@pytest.mark.parametrize("doomed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_any_of_a_list_on_one_line_can_be_taken_out(doomed: tuple[int, ...]) -> None:
    document = YamlText("contexts: [ {name: a}, {name: b},\n  {name: c} ]   # all\n")
    entries = document.entries("contexts")
    for at in doomed:
        document.replace("contexts", entries[at], None)
    assert load(document.text())["contexts"] == [entry for at, entry in enumerate(entries) if at not in doomed]
    assert document.text().endswith("]   # all\n")


def test_of_two_entries_with_one_name_the_one_that_is_meant_changes() -> None:
    document = YamlText("contexts:\n- name: a # 1\n  x: 1\n- name: a # 2\n  x: 2\n")
    first, second = document.entries("contexts")
    document.replace("contexts", second, {"name": "b", "x": 2})
    document.replace("contexts", first, None)
    assert document.text() == "contexts:\n- name: b # 2\n  x: 2\n"


def test_mappings_that_are_merged_into_each_other_end() -> None:
    wide = ", ".join(f"k{at}: 1" for at in range(300))
    lines = [f"a{at}: &a{at} {{<<: [{', '.join(['*a0'] * 200)}]}}" for at in range(1, 12)]
    with pytest.raises(NotYAML, match="merges too much"):
        load("\n".join([f"a0: &a0 {{{wide}}}", *lines]))
    assert load("a: &a {x: 1}\nb: {<<: *a, z: 2}") == {"a": {"x": 1}, "b": {"x": 1, "z": 2}}
