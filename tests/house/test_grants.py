"""A grant is its own file, a line in the registry, and a word in the configuration's list: nothing else names one."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import togetherctl
from togetherctl.auth.grants import registry
from togetherctl.auth.grants.registry import GRANTS
from togetherctl.config.types import SESSION_OWNERS, Grant

PRODUCT = Path(togetherctl.__file__).parent
# Where grants are defined; and the words that kubelogin has for them, which are its own.
NAMED_IN = ("auth/grants/", "config/types.py", "config/profile_hints.py", "kubelogin/")
# These are words for other things as well.
TELLING = set(get_args(Grant)) - {"auto", "password", "agent"}


def test_every_grant_of_the_config_is_in_the_registry_and_has_an_owner() -> None:
    assert set(GRANTS) == set(get_args(Grant)) == set(SESSION_OWNERS)
    assert all(spec.title and spec.noun for spec in GRANTS.values())


def test_every_file_of_a_grant_is_in_the_registry() -> None:
    files = {path.stem for path in (PRODUCT / "auth/grants").glob("*.py")} - {"__init__", "registry"}
    assert {name for name in files if getattr(registry, name).SPEC in GRANTS.values()} == files
    assert len(files) == len(GRANTS)


def test_no_other_file_of_the_product_names_a_grant() -> None:
    found = {
        str(path.relative_to(PRODUCT))
        for path in PRODUCT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in TELLING
    }
    assert {file for file in found if not file.startswith(NAMED_IN)} == set()
