"""A command line of ssh is read as ssh reads it: where the host is, and where the command begins."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from tests.support.programs import need
from togetherctl.usecases.ssh_words import SshOption, read_ssh_words


@pytest.mark.parametrize(
    ("line", "destination", "command", "letters"),
    [
        ("head1", "head1", "", ""),
        ("me@head1 uptime", "me@head1", "uptime", ""),
        ("-p 2222 -l me head1 kubectl get pods -o wide", "head1", "kubectl get pods -o wide", "pl"),
        ("-p2222 -vvv -AX head1", "head1", "", "pvvvAX"),
        ("-tti id_ed25519 head1", "head1", "", "tti"),
        ("-NfL 8080:localhost:80 head1", "head1", "", "NfL"),
        # After the host as well, up to the command.
        ("head1 -p 22 -t tmux attach -d", "head1", "tmux attach -d", "pt"),
        ("head1 -- -x", "head1", "-x", ""),
        ("-- head1 -t top", "head1", "top", "t"),
        ("-o StrictHostKeyChecking=no -J a,b -F /dev/null head1", "head1", "", "oJF"),
        ("-W db:5432 jump", "jump", "", "W"),
        ("head1 kubectl --help", "head1", "kubectl --help", ""),
    ],
)
def test_the_host_is_found(line: str, destination: str, command: str, letters: str) -> None:
    read = read_ssh_words(shlex.split(line))
    assert read is not None
    assert (read.destination, shlex.join(read.command)) == (destination, command)
    assert "".join(option.letter for option in read.options) == letters


@pytest.mark.parametrize("line", ["", "-p", "-p 22", "-Z head1", "--help", "-h", "head1 -Z", "''", "-V", "-Q cipher"])
def test_what_ssh_would_refuse_or_answer_without_a_host_is_left_to_it(line: str) -> None:
    assert read_ssh_words(shlex.split(line)) is None


@pytest.mark.parametrize(
    ("destination", "host"),
    [
        ("head1", "head1"),
        ("me@head1.acme.com", "head1.acme.com"),
        ("me@corp@head1", "head1"),
        ("ssh://me@head1:2222", "head1"),
        ("ssh://head1/", "head1"),
        ("ssh://me@[2001:db8::7]:22", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_the_host_as_a_person_calls_it(destination: str, host: str) -> None:
    read = read_ssh_words([destination])
    assert read is not None
    assert read.host == host


def test_options_are_given_on_one_by_one() -> None:
    read = read_ssh_words(["-fNp22", "-o", "BatchMode=yes", "head1"])
    assert read is not None
    assert read.options[2] == SshOption("p", "22")
    assert read.without("f") == ["-N", "-p", "22", "-o", "BatchMode=yes"]


def test_the_letters_are_those_that_the_ssh_of_this_machine_has() -> None:
    """By its own usage: `[-46Aa…]` alone, `[-b bind_address]` with a value."""
    usage = subprocess.run([need("ssh")], capture_output=True, text=True, check=False).stderr
    alone = re.search(r"\[-(\w{5,})\]", usage)
    with_value = re.findall(r"\[-(\w)\s", usage)
    assert alone is not None
    assert len(alone[1]) > 15
    assert len(with_value) > 15
    for letter in alone[1]:
        assert read_ssh_words([f"-{letter}", "head1"]) == ((SshOption(letter),), "head1", ())
    for letter in with_value:
        assert read_ssh_words([f"-{letter}", "value", "head1"]) == ((SshOption(letter, "value"),), "head1", ())
