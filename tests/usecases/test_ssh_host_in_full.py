"""A host is called by the word that was typed where that says all, else with its user, address and port too."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.programs import need
from togetherctl.usecases.ssh_forward import name_in_full
from togetherctl.usecases.ssh_words import read_ssh_words

ME = pwd.getpwuid(os.getuid()).pw_name
CONFIG = """\
Host gpu
  HostName gpu.example.com
Host tunnel
  HostName 127.0.0.1
  Port 2201
"""


@pytest.mark.parametrize(
    ("line", "called"),
    [
        ("head1", "head1"),
        (f"-p 22 {ME}@HEAD1", "HEAD1"),
        ("ssh://head1", "head1"),
        ("other@head1", "other@head1:22"),
        ("-l other head1", "other@head1:22"),
        ("-p 2201 localhost", f"{ME}@localhost:2201"),
        ("-p 2202 localhost", f"{ME}@localhost:2202"),
        ("-o HostName=10.0.0.5 head1", f"head1 ({ME}@10.0.0.5:22)"),
        ("-J jump head1", f"{ME}@head1:22 through jump"),
        ("-o HostName=::1 head1", f"head1 ({ME}@[::1]:22)"),
        ("gpu", f"gpu ({ME}@gpu.example.com:22)"),
        ("tunnel", f"tunnel ({ME}@127.0.0.1:2201)"),
    ],
)
def test_two_machines_or_users_have_two_names(line: str, called: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    words = read_ssh_words(shlex.split(line))
    assert words is not None
    asked = [need("ssh"), "-F", str(config), "-G", *words.without(""), words.destination]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    settings = dict(row.split(" ", 1) for row in said.splitlines() if " " in row)
    assert name_in_full(words.host, settings) == called
