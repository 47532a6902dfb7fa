"""Documents cannot drift: what is made from the code is compared with it, and what is typed in them is tried."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest

from docs.generate import pages
from tests.conftest import ROOT
from tests.support.pages import find_command
from togetherctl.cli.kubelogin_flags import FlagsCommand
from togetherctl.config.config import Config
from togetherctl.kubelogin.flag_table import flags_of

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"(?:\]\(|\ssrc(?:set)?=\")([^)#\"]+)(?:#[^)]*)?[)\"]", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_blank_line_ends_a_table(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", text)]
    tables = [rows for block in blocks if (rows := [line for line in block if line.lstrip().startswith("|")])]
    assert [rows[0] for rows in tables if not re.match(r"\s*\|[\s:|-]*-[\s:|-]*$", "".join(rows[1:2]))] == []


def test_the_tests_that_the_security_model_names_exist() -> None:
    rows = (ROOT / "docs" / "security-model.md").read_text(encoding="utf-8").splitlines()
    named = [
        (path, test)
        for row in rows
        for path, tests in re.findall(r"`(tests/[a-z_/]+\.py)`: ((?:`test_\w+`(?:, )?)+)", row)
        for test in re.findall(r"test_\w+", tests)
    ]
    assert len(named) >= 40
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path, _ in named}
    assert [test for path, test in named if f"def {test}(" not in sources[path]] == []


def _typed(document: Path) -> list[str]:
    """Every `togetherctl …` line in the document's code blocks."""
    blocks = re.findall(r"```(?:sh|console|text)\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    lines = [
        line.strip().removeprefix("$ ")
        for line in "\n".join(blocks).replace("\\\n", " ").replace(" && ", "\n").splitlines()
    ]
    return [line for line in lines if line.startswith("togetherctl ")]


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if path.parent.name != "reference"], ids=lambda path: path.name
)
def test_commands_that_are_shown_exist(document: Path) -> None:
    for line in _typed(document):
        command, words = find_command(re.split(r"  #| && | \| ", line)[0])
        if command.name == "ssh":
            continue  # its words are those of the program ssh
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        if isinstance(command, FlagsCommand):
            options |= {f"--{name}" for name in flags_of(command.takes)}
        # What follows `--` is another program's.
        for word in takewhile(lambda word: word != "--", words):
            if word.startswith("-") and word != "-":
                assert word.partition("=")[0] in {*options, "--help", "-h", "-v"}, line


def test_the_example_config_is_sound(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text((ROOT / "profiles" / "example.toml").read_text(encoding="utf-8"), encoding="utf-8")
    path.chmod(0o600)
    config = Config.load(path, environ)
    assert config.profile().name == "acme"
    assert [cluster.context for cluster in config.clusters()] == ["h100-east", "lab-cluster"]


def test_the_catalogue_is_sound() -> None:
    from togetherctl.config.presets import find_preset, preset_names

    for name in preset_names():
        assert find_preset(name, "") is not None
    for issuer, title in {
        "https://accounts.google.com": "Google",
        "https://gitlab.com": "GitLab",
        "https://acme.okta.com/oauth2/default": "Okta",
        "https://acme.eu.auth0.com/": "Auth0",
        "https://login.microsoftonline.com/8c9f/v2.0": "Microsoft Entra ID",
        "https://sso.example.com/realms/gpu": "Keycloak",
        "https://id.example.com/application/o/kube/": "authentik",
    }.items():
        preset = find_preset(None, issuer)
        assert preset is not None
        assert preset.title == title
    for lookalike in (
        "https://accounts.google.com.evil.example",
        "https://evil.example/accounts.google.com",
        "https://evil.example/?https://gitlab.com",
        "http://accounts.google.com",
    ):
        assert find_preset(None, lookalike) is None
