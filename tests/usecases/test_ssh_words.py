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
        # Words behind it are data, whatever they look like.
        ("-- head1 -t top", "head1", "-t top", ""),
        ("-q -- head1 '-oProxyCommand=touch x' true", "head1", "'-oProxyCommand=touch x' true", "q"),
        ("-i -- head1 -t top", "head1", "-t top", "i"),
        ("head1 -q -- -t top", "head1", "-t top", "q"),
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


@pytest.mark.parametrize(
    "line",
    [
        *["", "-p", "-p 22", "-Z head1", "--help", "-h", "head1 -Z", "''", "-V", "-Q cipher"],
        # No host begins so, and for the ssh that we run it would be an option.
        *["-- -F/dev/null head1 true", "-q -- -oProxyCommand=x head1", "-- -", "-- -- head1"],
    ],
)
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


@pytest.mark.parametrize(
    "line",
    [
        *["-p 77 head1", "head1 -p 77", "head1 -p 77 -- top", "head1 -- -p 77", "head1 top -p 77"],
        *["-- head1 -p 77", "-q -- head1 -p77", "-i -- head1 -p 77", "-l me head1 -p 77", "-p 77 -- head1 -p 78"],
    ],
)
def test_what_is_an_option_is_what_ssh_itself_takes_for_one(line: str) -> None:
    read = read_ssh_words(shlex.split(line))
    assert read is not None
    settings = subprocess.run(
        [need("ssh"), "-F", "none", "-G", *shlex.split(line)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    port = next((option.value for option in read.options if option.letter == "p"), "22")
    assert f"port {port}" in settings
    assert f"hostname {read.host}" in settings


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
