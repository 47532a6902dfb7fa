"""OpenSSH's server on loopback, with the settings that Debian ships and a home of its own for those who log in."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.programs import missing, need
from tests.support.running import Server, free_port, running

_SHIPPED = Path("/etc/ssh/sshd_config")
# Privilege separation wants this folder, which the system's own start makes.
_RUN = Path("/run/sshd")


@dataclass(frozen=True)
class FarHost:
    """A host that people log in to: `name` is what ssh calls it, `config` the ssh_config that knows it."""

    name: str
    home: Path
    config: Path
    log: Path
    server: Server = field(repr=False)
    port: int = 22

    @property
    def in_full(self) -> str:
        """What the agent calls it."""
        return f"{self.name} ({pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1:{self.port})"

    @property
    def agents(self) -> Path:
        """Where forwarded sockets are found."""
        return self.home / ".cache" / "togetherctl" / "agents"

    @property
    def connections(self) -> int:
        """How many connections were let in."""
        return self.log.read_text(errors="replace").count("Accepted publickey for ")

    def sockets(self) -> list[Path]:
        return sorted(self.agents.iterdir()) if self.agents.is_dir() else []

    def until_no_socket(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while self.sockets():
            assert time.monotonic() < end, self.sockets()
            time.sleep(0.05)


def need_sshd() -> str:
    """The server; a test without it is skipped, with the reason."""
    if sys.platform != "linux":
        pytest.skip("the rig is made for the sshd of Linux")
    # It is in no person's PATH.
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return found or missing("sshd is not installed (Debian: openssh-server)")


@contextmanager
def far_host(folder: Path, name: str, environ: Mapping[str, str], *settings: str) -> Iterator[FarHost]:
    """Run sshd while the block runs. Each person who logs in has a home in `folder`, and `environ` besides.

    Nothing else of its settings is changed but where it listens, its host key, and who may log in, unless `settings`
    (as `Name=value`) say more.
    """
    server, keygen = need_sshd(), need("ssh-keygen")
    need("ssh")
    folder.mkdir(parents=True)
    home = folder / "home"
    home.mkdir(mode=0o700)
    for key in ("host", "person"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    if os.geteuid() == 0:
        _RUN.mkdir(mode=0o755, exist_ok=True)
    port = free_port()
    set_there = {"HOME": str(home), **environ}
    options = [
        # The first value of a setting counts.
        *settings,
        f"Port={port}",
        "ListenAddress=127.0.0.1",
        f"HostKey={folder / 'host'}",
        f"AuthorizedKeysFile={folder / 'person.pub'}",
        "PidFile=none",
        # The keys lie in a folder of the tests, whose parents are for everybody.
        "StrictModes=no",
        "SetEnv=" + " ".join(f'"{variable}={value}"' for variable, value in set_there.items()),
        *(["UsePAM=no"] if os.geteuid() else []),
    ]
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    config = folder / "ssh_config"
    config.write_text(
        f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {folder / 'person'}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"
    )
    shipped = ["-f", str(_SHIPPED)] if _SHIPPED.exists() else ["-f", "/dev/null"]
    words = [server, "-D", "-e", *shipped, *(word for option in options for word in ("-o", option))]
    log = folder / "sshd.log"
    with running(words, log) as process:
        _wait_for(process, log)
        yield FarHost(name, home, config, log, process, port)


def _wait_for(server: Server, log: Path) -> None:
    end = time.monotonic() + 60
    while "Server listening on" not in log.read_text(errors="replace"):
        assert time.monotonic() < end, log.read_text(errors="replace")
        assert server.process.poll() is None, log.read_text(errors="replace")
        time.sleep(0.02)
