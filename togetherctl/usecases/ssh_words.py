"""Read a command line of ssh as OpenSSH does: its options, the host, and the command over there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

# ssh(1) of OpenSSH 10; `P` took no value before 9.4, where it did nothing.
_ALONE = frozenset("1246afgknqstvxACGKMNTVXYy")
_WITH_VALUE = frozenset("bceilmopBDEFIJLOPQRSwW")
# They print something, talk to a control master, or make ssh the proxy of another program: no session begins.
_NO_SESSION = frozenset("GOQVW")
_SCHEME = "ssh://"


class SshOption(NamedTuple):
    """One option: its letter, and its value where it takes one."""

    letter: str
    value: str | None = None

    def words(self) -> list[str]:
        """The option as words of a command line."""
        return [f"-{self.letter}"] if self.value is None else [f"-{self.letter}", self.value]


class SshWords(NamedTuple):
    """A command line of ssh in its parts, in the order in which they were typed."""

    options: tuple[SshOption, ...]
    destination: str
    command: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host as the person calls it, without a user and a port."""
        name = self.destination.removeprefix(_SCHEME).rpartition("@")[2]
        if self.destination.startswith(_SCHEME):
            name = name.partition("/")[0]
            bare, _, port = name.rpartition(":")
            name = bare if bare and port.isdecimal() else name
        return name.strip("[]")

    def has(self, letter: str) -> bool:
        """Whether this option was typed."""
        return any(option.letter == letter for option in self.options)

    @property
    def begins_no_session(self) -> bool:
        """Whether ssh does something else than what an agent could be of use for."""
        return any(option.letter in _NO_SESSION for option in self.options)

    def without(self, letters: Collection[str]) -> list[str]:
        """The words of all options but these."""
        return list(chain.from_iterable(one.words() for one in self.options if one.letter not in letters))


def read_ssh_words(words: Sequence[str]) -> SshWords | None:
    """The parts; None where ssh would refuse the line, or has no host in it, so that ssh itself should answer.

    As ssh does, it takes options before the host and right after it; the first other word begins the command, and
    behind a `--` before the host there are no options any more. A host never begins with "-", so it is no option of
    the ssh that we run.
    """
    options: list[SshOption] = []
    rest = list(words)
    if not _take_options(rest, options):
        return None
    if not rest:
        # `ssh -V` needs none.
        return None
    # As ssh.c has it: the last word that was taken counts, even where it is the value of an option.
    terminated = len(rest) < len(words) and words[-len(rest) - 1] == "--"
    destination = rest.pop(0)
    if not destination or destination.startswith("-"):
        return None
    if not terminated and not _take_options(rest, options):
        return None
    return SshWords(tuple(options), destination, tuple(rest))


def _take_options(rest: list[str], options: list[SshOption]) -> bool:
    """Take the options at the front of `rest`, as getopt(3) does; False for one that ssh does not have."""
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            return True
        letters = iter(word[1:])
        for letter in letters:
            if letter in _ALONE:
                options.append(SshOption(letter))
            elif letter in _WITH_VALUE:
                value = _value(letters, rest)
                if value is None:
                    return False
                options.append(SshOption(letter, value))
            else:
                return False
    return True


def _value(letters: Iterator[str], rest: list[str]) -> str | None:
    """What follows the letter in its word, else the next word."""
    joined = "".join(letters)
    if joined:
        return joined
    return rest.pop(0) if rest else None
