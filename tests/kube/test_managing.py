"""Writing by template and into a folder, taking out, and the current context: where names clash and files differ."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kube.test_kubeconfig import THEIRS
from togetherctl.kube import kubeconfig
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("acme")
WEST = '\n[clusters.west]\nprofile = "acme"\nserver = "https://127.0.0.1:6444"\nnamespace = "gpu"\n'


@pytest.fixture
def west(acme: Path) -> Path:
    acme.write_text(acme.read_text() + WEST)
    return acme


@pytest.fixture
def config_file(home: Path) -> Path:
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.write_text(THEIRS)
    return path


def contexts(path: Path) -> list[str]:
    return [entry["name"] for entry in load(path.read_text()).get("contexts") or []]


def current(path: Path) -> object:
    return load(path.read_text()).get("current-context")


# write


@pytest.mark.usefixtures("west")
def test_all_says_the_same_as_no_names(config_file: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write", "--all").code == 0
    written = config_file.read_text()
    assert "says all of this already" in cli("kubeconfig", "write").stderr
    assert config_file.read_text() == written
    assert (cli("kubeconfig", "write", "--all", "east").code, config_file.read_text()) == (2, written)


@pytest.mark.usefixtures("west")
def test_a_template_names_contexts_and_is_kept_to(config_file: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write", "east", "--set-current").code == 0
    done = cli("kubeconfig", "write", "--context-template", "{issuer}/{profile}:{cluster}@{namespace}")
    assert (done.code, "The context east is called acme/acme:east@default now." in done.stderr) == (0, True)
    assert contexts(config_file) == ["prod", "acme/acme:east@default", "acme/acme:west@gpu"]
    # The current context is the same one, whatever it is called.
    assert current(config_file) == "acme/acme:east@default"
    written = load(config_file.read_text())
    assert [entry["name"] for entry in written["clusters"]] == ["prod", "east", "west"]
    assert [entry["context"]["cluster"] for entry in written["contexts"]] == ["prod", "east", "west"]
    assert "says all of this already" in cli("kubeconfig", "write").stderr
    cli("kubeconfig", "write", "--context-template", "{context}")
    assert (contexts(config_file), current(config_file)) == (["prod", "east", "west"], "east")
    assert "template:" not in config_file.read_text()


def test_a_template_that_is_typed_wins_over_the_configs_context(config_file: Path, cli: Run) -> None:
    cli("cluster", "set", "east", "context=gpus")
    cli("kubeconfig", "write", "--context-template", "{profile}-{cluster}")
    assert contexts(config_file) == ["prod", "acme-east"]
    cli("kubeconfig", "write", "--context-template", "{profile}-{context}")
    assert contexts(config_file) == ["prod", "acme-gpus"]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{profile}", "the same context"),
        ("", "the same context"),
        ("{cluster", "a brace is missing"),
        ("{nobody}-{cluster}", "has no field {nobody}"),
        ("{cluster.name}", "has no field {cluster.name}"),
        ("{cluster!r}", "has no field"),
        ("{cluster:>9}", "has no field"),
        ("{}", "has no field {}"),
        ("{cluster}\n", "cannot have"),
        (" {cluster}", "cannot have"),
    ],
)
def test_a_template_is_checked(template: str, said: str, config_file: Path, cli: Run) -> None:
    done = cli("kubeconfig", "write", "--context-template", template)
    assert (done.code, said in done.stderr) == (2, True), done.stderr
    assert config_file.read_text() == THEIRS


@pytest.mark.usefixtures("west")
def test_two_clusters_of_one_name_are_said(config_file: Path, cli: Run) -> None:
    cli("cluster", "set", "east", "namespace=t-x")
    cli("cluster", "set", "west", "context=east-t", "namespace=x")
    done = cli("kubeconfig", "write", "--context-template", "{context}-{namespace}")
    assert (done.code, "clusters east and west would both have the context east-t-x" in done.stderr) == (2, True)
    assert config_file.read_text() == THEIRS


@pytest.mark.usefixtures("west")
def test_an_entry_of_another_cluster_of_ours_is_not_replaced(config_file: Path, cli: Run) -> None:
    cli("kubeconfig", "write", "east", "--context-template", "{cluster}-x")
    cli("cluster", "set", "west", "context=east-x")
    before = config_file.read_text()
    done = cli("kubeconfig", "write", "west")
    assert done.code == 7
    assert (
        f"context east-x in {config_file} is that of cluster east, and cannot be that of another cluster" in done.stderr
    )
    assert config_file.read_text() == before
    # What a cluster that is gone has left over can be taken.
    cli("cluster", "remove", "east", "--keep-kubeconfig", "--yes")
    assert cli("kubeconfig", "write", "west").code == 0
    assert load(config_file.read_text())["contexts"][-1]["context"]["cluster"] == "east-x"


@pytest.mark.usefixtures("west")
def test_clusters_can_swap_their_contexts(config_file: Path, acme: Path, cli: Run) -> None:
    cli("kubeconfig", "write")
    text = acme.read_text().replace(
        'server = "https://127.0.0.1:6443"', 'server = "https://127.0.0.1:6443"\ncontext = "west"'
    )
    acme.write_text(text + 'context = "east"\n')
    assert cli("kubeconfig", "write").code == 0
    servers = {entry["name"]: entry["cluster"]["server"] for entry in load(config_file.read_text())["clusters"]}
    assert (servers["east"], servers["west"]) == ("https://127.0.0.1:6444", "https://127.0.0.1:6443")


def test_each_cluster_in_a_file_of_its_own(west: Path, home: Path, cli: Run, tmp_path: Path) -> None:
    cli("cluster", "set", "east", "ca_file=pki/east.pem")
    folder = tmp_path / "deep" / "folder"
    done = cli("kubeconfig", "write", "--output-dir", str(folder))
    assert done.code == 0
    assert f"kubectl --kubeconfig {folder}/east.yaml --context east get pods" in done.stderr
    assert not (home / ".kube").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["east.yaml", "west.yaml"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    data = load((folder / "east.yaml").read_text())
    assert data["current-context"] == "east"
    # Wherever the file is, the configuration's relative path means the same.
    assert data["clusters"][0]["cluster"]["certificate-authority"] == str(west.parent / "pki" / "east.pem")
    assert contexts(folder / "west.yaml") == ["west"]

    before = (folder / "east.yaml").read_text()
    cli("kubeconfig", "write", "--output-dir", str(folder), "--context-template", "{profile}-{cluster}")
    assert (contexts(folder / "east.yaml"), current(folder / "east.yaml")) == (["acme-east"], "acme-east")
    cli("kubeconfig", "write", "--output-dir", str(folder), "--context-template", "{context}")
    assert (folder / "east.yaml").read_text() == before
    for wrong in (["--set-current", "east"], ["--set-current"], ["--kubeconfig", "x"]):
        done = cli("kubeconfig", "write", "--output-dir", str(folder), *wrong)
        assert (done.code, f"--output-dir and {wrong[0]} exclude each other" in done.stderr) == (2, True)


@pytest.mark.usefixtures("west")
def test_a_file_in_the_folder_that_is_not_ours_stops_all_of_it(tmp_path: Path, cli: Run) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for text in (THEIRS, "notes: mine\n", "clusters: [\n"):
        (folder / "west.yaml").write_text(text)
        done = cli("kubeconfig", "write", "--output-dir", str(folder))
        assert (done.code, f"{folder}/west.yaml" in done.stderr) == (7, True)
        assert ((folder / "west.yaml").read_text(), [path.name for path in folder.iterdir()]) == (text, ["west.yaml"])
    (folder / "west.yaml").write_text(THEIRS)
    assert cli("kubeconfig", "write", "--output-dir", str(folder), "--overwrite").code == 0
    assert (contexts(folder / "west.yaml"), current(folder / "west.yaml")) == (["prod", "west"], "prod")
    assert cli("kubeconfig", "write", "--output-dir", str(folder / "new"), "--dry-run").code == 0
    assert not (folder / "new").exists()


# remove


def test_the_current_context_is_let_go_of_and_that_is_said(config_file: Path, cli: Run) -> None:
    cli("kubeconfig", "write", "east", "--set-current")
    shown = cli("kubeconfig", "remove", "east", "--dry-run")
    assert "east is the current context; there will be none." in shown.stderr
    assert current(config_file) == "east"
    done = cli("kubeconfig", "remove", "east", "--yes")
    assert "east is the current context; there will be none." in done.stderr
    assert (current(config_file), contexts(config_file)) == ("", ["prod"])


def test_no_other_files_current_context_comes_up_unasked(home: Path, cli: Run) -> None:
    one, two = home / "one", home / "two"
    two.write_text(THEIRS)
    cli("kubeconfig", "write", "--kubeconfig", str(one), "--set-current", "east")
    files = f"{one}{os.pathsep}{two}"
    done = cli("kubeconfig", "remove", "east", "--yes", KUBECONFIG=files)
    assert (done.code, "kubectl would go on with prod" in done.stderr) == (0, True)
    assert (current(one), contexts(one), two.read_text()) == ("east", [], THEIRS)


def test_what_others_use_stays(config_file: Path, cli: Run) -> None:
    cli("kubeconfig", "write")
    mine = "contexts:\n- name: mine\n  context: {cluster: east, user: admin}\n"
    config_file.write_text(config_file.read_text().replace("contexts:\n", mine))
    done = cli("kubeconfig", "remove", "--all", "--yes")
    assert (done.code, f"cluster east in {config_file}, which mine uses" in done.stderr) == (0, True)
    written = load(config_file.read_text())
    assert [entry["name"] for entry in written["clusters"]] == ["prod", "east"]
    assert (contexts(config_file), [entry["name"] for entry in written["users"]]) == (["mine", "prod"], ["admin"])
    assert "Nothing to remove" in cli("kubeconfig", "remove", "--all", "--yes").stderr


def test_contexts_made_from_ours_go_along_and_a_shared_user_stays(west: Path, config_file: Path, cli: Run) -> None:
    assert west.exists()
    cli("kubeconfig", "write")
    second = "contexts:\n- name: east-lab\n  context: {cluster: east, user: 'togetherctl:acme', namespace: lab}\n"
    config_file.write_text(config_file.read_text().replace("contexts:\n", second))
    assert cli("kubeconfig", "remove", "east", "--yes").code == 0
    assert contexts(config_file) == ["prod", "west"]
    assert [entry["name"] for entry in load(config_file.read_text())["users"]] == ["admin", "togetherctl:acme"]
    cli("kubeconfig", "remove", "west", "--yes")
    assert config_file.read_text() == THEIRS


@pytest.mark.usefixtures("west")
def test_contexts_that_a_person_made_are_named_before_they_go(config_file: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write").code == 0
    before = config_file.read_text()
    mine = "- context: {cluster: east, user: 'togetherctl:acme', namespace: ml}\n  name: mine\n"
    config_file.write_text(before.replace("contexts:\n", f"contexts:\n{mine}"))
    said = "Among them is a context that you made yourself with a user of togetherctl: mine.\n"
    shown = cli("kubeconfig", "remove", "--all", "--dry-run")
    assert (shown.code, said in shown.stderr) == (0, True)
    done = cli("kubeconfig", "remove", "--all", "--yes")
    assert said in done.stderr
    assert "mine" not in contexts(config_file)
    config_file.write_text(before)
    assert "Among them" not in cli("kubeconfig", "remove", "--all", "--yes").stderr


def test_remove_wants_to_be_told_what(config_file: Path, cli: Run) -> None:
    cli("kubeconfig", "write")
    before = config_file.read_text()
    for words in ([], ["--all", "east"], ["nobody", "--yes"], ["east"]):
        assert cli("kubeconfig", "remove", *words).code == 2
    assert config_file.read_text() == before
    # One that the configuration has no more is still known from the kubeconfig.
    cli("cluster", "remove", "east", "--keep-kubeconfig", "--yes")
    assert cli("kubeconfig", "remove", "east", "--yes").code == 0
    assert config_file.read_text() == THEIRS


def test_without_a_kubeconfig_there_is_nothing_to_remove(home: Path, cli: Run) -> None:
    for words in (["remove", "--all"], ["remove", "east"], ["prune"]):
        done = cli("kubeconfig", *words, "--yes")
        assert (done.code, "Nothing to remove" in done.stderr) == (0, True)
    assert not (home / ".kube").exists()


def test_without_a_config_nothing_is_pruned(acme: Path, config_file: Path, cli: Run) -> None:
    cli("kubeconfig", "write")
    before = config_file.read_text()
    acme.unlink()
    done = cli("kubeconfig", "prune", "--yes")
    assert done.failure == (2, "usage", "togetherctl kubeconfig remove --all")
    # A hint that begins with a command can be copied to the end of its line.
    assert done.commands[-1:] == ["togetherctl kubeconfig remove --all"]
    assert config_file.read_text() == before


# Files


def act(cli: Run, **changes: str) -> list[int]:
    """Everything that changes a kubeconfig, one after the other."""
    return [
        cli(*words, **changes).code
        for words in (
            ["kubeconfig", "write"],
            ["use", "east"],
            ["cluster", "rename", "east", "ost"],
            ["profile", "rename", "acme", "corp"],
            ["kubeconfig", "remove", "--all", "--yes"],
            ["cluster", "remove", "ost", "--yes"],
        )
    ]


def test_a_symlink_stays_one_and_the_mode_is_kept(config_file: Path, home: Path, cli: Run) -> None:
    config_file.chmod(0o640)
    link = home / "link"
    link.symlink_to(config_file)
    assert act(cli, KUBECONFIG=str(link)) == [0] * 6
    assert (link.is_symlink(), stat.S_IMODE(config_file.stat().st_mode)) == (True, 0o640)
    assert config_file.read_text() == THEIRS.replace("current-context: prod", "current-context: ''")
    assert [path.name for path in config_file.parent.iterdir()] == ["config"]


@pytest.mark.parametrize("trouble", ["lock", "broken", "read-only"])
def test_trouble_with_the_file_changes_nothing(
    trouble: str, acme: Path, config_file: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig, "LOCK_SECONDS", 0.2)
    cli("kubeconfig", "write")
    if trouble == "lock":
        config_file.with_name("config.lock").touch()
    elif trouble == "broken":
        config_file.write_text(config_file.read_text() + "broken: [\n")
    else:
        real = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    before, config = config_file.read_text(), acme.read_text()
    for words in (
        ["use", "east"],
        ["cluster", "rename", "east", "ost"],
        ["profile", "rename", "acme", "corp"],
        ["kubeconfig", "remove", "--all", "--yes"],
        ["cluster", "remove", "east", "--yes"],
        ["profile", "remove", "acme", "--cascade", "--yes"],
    ):
        assert cli(*words).code == 7, words
        assert (config_file.read_text(), acme.read_text()) == (before, config)
    assert cli("cluster", "rename", "east", "ost", "--keep-kubeconfig").code == 0
    assert cli("cluster", "remove", "ost", "--keep-kubeconfig", "--yes").code == 0
    assert config_file.read_text() == before


def test_of_several_files_those_change_that_have_something_of_ours(
    home: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig, "LOCK_SECONDS", 0.2)
    one, two, three = (home / name for name in ("one", "two", "three"))
    one.write_text(THEIRS)
    # Nobody has to be able to write into a file that stays as it is.
    one.with_name("one.lock").touch()
    cli("kubeconfig", "write", "--kubeconfig", str(two))
    cli("kubeconfig", "write", "--kubeconfig", str(three), "--set-current", "east")
    files = os.pathsep.join(map(str, (one, two, three, home / "nothing")))
    assert cli("profile", "rename", "acme", "corp", KUBECONFIG=files).code == 0
    assert cli("cluster", "rename", "east", "ost", KUBECONFIG=files).code == 0
    for path in (two, three):
        assert "east" not in path.read_text()
        assert "acme" not in path.read_text()
    assert (current(three), one.read_text()) == ("ost", THEIRS)
    assert cli("kubeconfig", "remove", "--all", "--yes", KUBECONFIG=files).code == 0
    assert (contexts(two), contexts(three)) == ([], [])
    assert current(three) == ""
    assert not (home / "nothing").exists()


def test_two_hundred_contexts(acme: Path, config_file: Path, cli: Run) -> None:
    acme.write_text(
        acme.read_text()
        + "".join(f'\n[clusters.c{n}]\nprofile = "acme"\nserver = "https://c{n}"\n' for n in range(200))
    )
    assert cli("kubeconfig", "write").code == 0
    done = cli("kubeconfig", "write", "--context-template", "{profile}-{cluster}")
    assert (done.code, len(contexts(config_file))) == (0, 202)
    assert cli("profile", "rename", "acme", "corp").code == 0
    assert {name for name in contexts(config_file) if name.startswith("corp-c")} == {f"corp-c{n}" for n in range(200)}
    assert acme.read_text().count('profile = "corp"') == 201
    done = cli("kubeconfig", "remove", "--all", "--yes")
    assert "and 181 more" in done.stderr
    assert config_file.read_text() == THEIRS


# use


def test_use_writes_what_is_missing_first(config_file: Path, cli: Run) -> None:
    done = cli("use", "east")
    assert (done.code, "Wrote east to" in done.stderr) == (0, True)
    assert done.stderr.endswith("The current context is east; it was prod.\n")
    assert current(config_file) == "east"
    config_file.write_text(config_file.read_text().replace("name: togetherctl:acme\n", "name: somebody\n"))
    assert "Wrote east to" in cli("use", "east").stderr
    cli("kubeconfig", "write", "--context-template", "{profile}-{cluster}")
    cli("use", "east")
    assert (current(config_file), contexts(config_file)[-1]) == ("acme-east", "acme-east")


def test_use_leaves_what_is_not_ours(config_file: Path, cli: Run) -> None:
    config_file.write_text(THEIRS.replace("prod", "east").replace("current-context: east", ""))
    before = config_file.read_text()
    done = cli("use", "east")
    assert (done.code, "togetherctl did not write" in done.stderr) == (7, True)
    assert config_file.read_text() == before
    assert cli("use", "nobody").code == 2


# allowlist


def test_the_allowlist_names_what_is_called(config_file: Path, home: Path, cli: Run) -> None:
    config_file.write_text(
        THEIRS.replace("user:\n    client-certificate: certs/admin.pem", "user: {exec: {command: aws}}")
    )
    cli("kubeconfig", "write", "--no-shim")
    done = cli("kubeconfig", "allowlist")
    assert done.code == 0
    data = load(done.stdout)
    assert (data["kind"], data["apiVersion"]) == ("Preference", "kubectl.config.k8s.io/v1beta1")
    assert data["credentialPluginPolicy"] == "Allowlist"
    listed = [entry["command"] for entry in data["credentialPluginAllowlist"]]
    called = load(config_file.read_text())["users"][-1]["user"]["exec"]["command"]
    assert listed == [str(home / "tctl" / "state" / "shim" / "togetherctl"), called]
    assert "# - command: aws\n" in done.stdout
    assert "~/.kube/kuberc" in done.stderr
    older = load(cli("kubeconfig", "allowlist", "--key", "name").stdout)
    assert [entry["name"] for entry in older["credentialPluginAllowlist"]] == listed


# what nobody means


@pytest.mark.parametrize(
    "broken",
    [
        "current-context: prod",
        "- name: mine\n  context: {cluster: [east], user: {togetherctl: acme}}",
        "- name: mine\n  context: {cluster: {}, user: [togetherctl:acme]}",
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("kubeconfig", "remove", "east", "--yes"),
        ("kubeconfig", "prune"),
        ("cluster", "rename", "east", "far"),
        ("profile", "rename", "acme", "other"),
        ("profile", "remove", "acme", "--cascade", "--yes"),
        ("use", "east"),
    ],
)
def test_lists_and_mappings_where_a_name_belongs_are_nobodys(
    config_file: Path, cli: Run, command: tuple[str, ...], broken: str
) -> None:
    assert cli("kubeconfig", "write", "--no-shim").code == 0
    text = config_file.read_text()
    if broken.startswith("-"):
        config_file.write_text(text.replace("contexts:\n", f"contexts:\n{broken}\n"))
    else:
        config_file.write_text(text.replace(broken, "current-context: [prod]"))
    before = config_file.read_text()
    assert before != text
    done = cli(*command)
    if command == ("kubeconfig", "prune") or (command[0] == "use" and not broken.startswith("-")):
        # Nothing of ours is left over; and another current context mends the file.
        assert done.code == 0, done.stderr
        return
    assert (done.code, f"kubectl cannot read {config_file}: line " in done.stderr) == (7, True), done.stderr
    assert config_file.read_text() == before


def test_words_that_are_no_list_are_said(config_file: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write", "--no-shim").code == 0
    text = config_file.read_text()
    start = text.index("      args:\n")
    end = text.index("      interactiveMode")
    config_file.write_text(text[:start] + "      args: get-token\n" + text[end:])
    done = cli("profile", "rename", "acme", "other")
    assert (done.code, "args must be a list" in done.stderr) == (7, True), done.stderr
    assert "      args: get-token\n" in config_file.read_text()
