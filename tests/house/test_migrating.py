"""The table of docs/migrating.md cannot miss a flag, a variable or a command, nor name one that is not there."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from togetherctl.commands.kubectl_plugin import VERBS
from togetherctl.environment import VARIABLES
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.flag_table import FLAGS, LOG_SWITCHES, LOG_VALUES

PAGE = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
HERE = {"same", "better", "different"}


def rows(section: str) -> list[tuple[list[str], str, str]]:
    """The names in the first column, the word in the second, and the third, of each row below a heading."""
    [text] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return [(re.findall(r"`([^`]+)`", row[0]), row[1], row[2] if len(row) > 2 else "") for row in cells[2:]]


@pytest.mark.parametrize("section", ["Commands", "Flags", "Environment", "Files"])
def test_every_row_says_what_became_of_it(section: str) -> None:
    for names, here, how in rows(section):
        assert names
        assert here in HERE, names
        assert how or here == "same", names


def test_every_flag_has_one_row() -> None:
    listed = [name for names, _, _ in rows("Flags") for name in names]
    known = {f"--{name}" for name in [*(flag.name for flag in FLAGS), *LOG_SWITCHES, *LOG_VALUES, "v"]} | {"-v"}
    assert sorted(listed) == sorted(known)


def test_every_command_has_a_row() -> None:
    listed = {name for names, _, _ in rows("Commands") for name in names}
    assert {PLUGIN, *(f"{PLUGIN} {verb}" for verb in VERBS)} <= listed


def test_the_variables_exist() -> None:
    listed = {name for names, _, _ in rows("Environment") for name in names}
    known = {variable.name for variable in VARIABLES} | {"HTTP_PROXY", "SSL_CERT_DIR"}
    assert listed <= known
    assert {"OIDC_CLIENT_SECRET", "KUBECACHEDIR", "KUBERNETES_EXEC_INFO", "HTTPS_PROXY", "NO_PROXY"} <= listed
