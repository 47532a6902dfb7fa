"""What keeps hundreds of profiles quick: how often files are read and texts parsed, and what is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.bench.crowd import crowd
from togetherctl.paths import locate
from togetherctl.tui.watcher import ConfigRead, Finding, KubeconfigRead, SessionsRead, Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeWorld, Run

_MANY = 300
# Every file that a run opens below its home, and the modules it has loaded at its end.
_SCRIPT = """
import collections, json, os, sys
opened, home = collections.Counter(), os.environ["HOME"] + "/"
def see(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)) and os.fspath(arguments[0]).startswith(home):
        opened[os.fspath(arguments[0])] += 1
sys.addaudithook(see)
from togetherctl.commands.run import run
saved = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
code = run(sys.argv[1:], os.environ)
os.dup2(saved, 1)
print(json.dumps([code, opened, sorted(sys.modules)]))
"""


@pytest.fixture
def many(environ: dict[str, str], cli: Run) -> dict[str, str]:
    """A home with many profiles, their sessions, and a kubeconfig with a context for each."""
    crowd(locate(environ), _MANY, now=time.time())
    assert cli("kubeconfig", "write", "--yes").code == 0
    return environ


def test_status_reads_each_file_once_and_parses_no_yaml(many: dict[str, str], home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, "status"], env=many, capture_output=True, text=True, check=True, timeout=60
    )
    code, opened, modules = json.loads(done.stdout.splitlines()[-1])
    assert (code, done.stderr) == (0, "")
    paths = locate(many)
    assert opened.pop(str(home / ".kube" / "config")) == 1
    assert opened.pop(str(paths.config)) == 1
    # A session, and whether a login of it is under way.
    times = Counter(path.rpartition(".")[2] for path in opened if path.startswith(str(paths.sessions)))
    assert times["json"] == times["login"] == _MANY
    assert set(opened.values()) == {1}
    # The parser of YAML, what logs in and asks issuers, and the source texts of the models.
    loaded = {name.partition(".")[0] for name in modules} | set(modules)
    assert not loaded & {"ruamel", "ssl", "http", "togetherctl.auth.grants.registry", "togetherctl.config.descriptions"}


def test_the_interface_loads_no_yaml_before_it_is_drawn(environ: dict[str, str]) -> None:
    script = "import json, sys; import togetherctl.tui.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    modules = set(json.loads(done.stdout))
    late = {"ruamel", "httpx2", "authlib", "keyring", "joserfc", "cryptography", "tomlkit", "questionary"}
    assert not late & {name.partition(".")[0] for name in modules}
    assert not modules & {"togetherctl.kube.kubeconfig", "togetherctl.config.descriptions"}


def test_the_watcher_tells_first_what_is_in_sight(many: dict[str, str], make_world: MakeWorld) -> None:
    told: list[Finding] = []
    Watcher(make_world, told.append).step()
    assert [type(finding) for finding in told] == [ConfigRead, SessionsRead, SessionsRead, KubeconfigRead]
    first, rest = (finding.looked for finding in told if isinstance(finding, SessionsRead))
    assert [row.name for row in first] == [f"p{number}" for number in range(60)]
    assert len(rest) == _MANY - 60
    assert many
