"""Thousands of profiles: the work grows with their number, not with its square. Work is counted, not timed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from togetherctl.config import config as config_module
from togetherctl.config.config import Config

if TYPE_CHECKING:
    from tests.conftest import Run, WriteConfig

MANY = 400
SECTION = """
[profiles.p{0}]
issuer = "acme"
client_id = "client-{0}"

[clusters.k{0}]
profile = "p{0}"
server = "https://127.0.0.1:6443"
"""


class Counting(dict[str, Any]):
    """Counts how many entries were looked at, one by one."""

    looked_at = 0

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self.looked_at += 1
            yield name

    def items(self) -> Any:
        self.looked_at += len(self)
        return super().items()

    def values(self) -> Any:
        self.looked_at += len(self)
        return super().values()


@pytest.fixture
def counted(write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Counting], Counter[str]]:
    """A configuration of many; the tables of each that is read, and how often a KEY was made."""
    head = 'version = 1\n[issuers.acme]\nurl = "https://issuer.example"\n'
    write_config(head + "".join(SECTION.format(number) for number in range(MANY)))
    tables: list[Counting] = []
    made: Counter[str] = Counter()
    load, session_key = Config.load.__func__, config_module.session_key_of  # type: ignore[attr-defined] # a classmethod

    def loading(cls: type[Config], *arguments: Any) -> Config:
        read: Config = load(cls, *arguments)
        for name in ("clusters", "profiles"):
            tables.append(Counting(getattr(read.table, name)))
            read.table.__dict__[name] = tables[-1]
        return read

    def making(*arguments: Any) -> str:
        made["keys"] += 1
        key: str = session_key(*arguments)
        return key

    monkeypatch.setattr(Config, "load", classmethod(loading))
    monkeypatch.setattr(config_module, "session_key_of", making)
    return tables, made


@pytest.mark.parametrize(
    "words", [["status"], ["status", "-o", "json"], ["profile", "list"], ["cluster", "list"], ["profile", "export"]]
)
def test_each_entry_is_looked_at_a_few_times(
    words: list[str], cli: Run, counted: tuple[list[Counting], Counter[str]]
) -> None:
    done = cli(*words)
    assert done.code == 0, done.stderr
    tables, made = counted
    assert tables
    assert sum(table.looked_at for table in tables) <= 8 * MANY
    assert made["keys"] <= MANY
    if "json" in words:
        assert [item["clusters"] for item in json.loads(done.stdout)["items"]][:2] == [["k0"], ["k1"]]


def test_logging_out_of_all_makes_each_key_once(cli: Run, counted: tuple[list[Counting], Counter[str]]) -> None:
    done = cli("logout", "--all", "--local")
    assert done.code == 0, done.stderr
    assert counted[1]["keys"] <= 2 * MANY


def test_a_table_of_many_in_a_pipe_is_laid_out_as_a_short_one_is(
    cli: Run, counted: tuple[list[Counting], Counter[str]]
) -> None:
    assert counted
    lines = cli("profile", "list").stdout.splitlines()
    assert len(lines) == MANY + 1
    assert lines[0].startswith("NAME  ")
    starts = {line.index("acme") for line in lines[1:]}
    assert starts == {lines[0].index("ISSUER")}
