"""The blind trial: doctor names the cause of what people really break, and mends what is ours."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.trial import TRIAL, Setup, Trouble
from tests.support.browser import ScriptedBrowser
from tests.support.cluster import ScriptedCluster
from togetherctl.doctor.check import find_checks

if TYPE_CHECKING:
    import trustme

    from tests.conftest import CliIn, Run, WriteConfig
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def setup(
    home: Path,
    tls_issuer: ScriptedIssuer,
    authority: trustme.CA,
    write_config: WriteConfig,
    canary: Canary,
    process: Run,
    cli_in: CliIn,
) -> Iterator[Setup]:
    """All in order: logged in, and kubectl could start."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    for name in ("ca.pem", "cluster.pem"):
        authority.cert_pem.write_to_path(str(home / name))
    tls_issuer.lifetime = 3600
    with ExitStack() as stack, ScriptedCluster(context) as cluster:
        write_config(f"""version = 1

[issuers.acme]
url = "{tls_issuer.url}"
ca_file = "{home / "ca.pem"}"

[profiles.acme]
issuer = "acme"
client_id = "{tls_issuer.client_id}"
redirect_uris = ["http://localhost:0"]

[clusters.east]
profile = "acme"
server = "{cluster.url}"
ca_file = "{home / "cluster.pem"}"
""")
        call = cli_in(open_browser=ScriptedBrowser(tls_issuer))
        made = Setup(home, tls_issuer, cluster, authority, canary, process, call, stack)
        made.log_in()
        made.done("kubeconfig", "write", "--yes")
        yield made


def names_it(item: dict[str, Any], one: Trouble, words: list[str], home: Path) -> bool:
    said = " ".join(str(item[key]) for key in ("check", "subject", "message", "hint", "hint_command") if item[key])
    # A path may be shown as a person types it.
    said += said.replace("~/", f"{home}/")
    wrong = item["status"] in ("warning", "failed")
    return wrong and item["check"] in one.checks and all(word in said for word in words)


def in_short(items: list[dict[str, Any]]) -> str:
    wrong = (item for item in items if item["status"] in ("warning", "failed"))
    return "\n".join(f"{item['check']} {item['subject']}: {item['message']} [{item['hint_command']}]" for item in wrong)


# What the text for a bug report may show of none of these set-ups.
NAMES = (
    "acme", "east", "west", "spare", "the-client", "wiki-frontend", "me@", "trustme", "old cluster", "departments"
)  # fmt: skip


def names_in_report(setup: Setup) -> list[str]:
    done = setup.run("support", "--output", "-")
    assert done.code == 0, done.stderr
    shown = done.stdout.lower()
    return [name for name in (*NAMES, str(setup.home)) if name.lower() in shown]


def test_in_a_set_up_that_works_nothing_fails(setup: Setup) -> None:
    items = setup.doctor()
    assert [item for item in items if item["status"] == "failed"] == []


@pytest.mark.parametrize("one", TRIAL, ids=lambda one: one.name)
def test_doctor_names_the_cause(one: Trouble, setup: Setup) -> None:
    before = setup.doctor()
    words = list(one.breaks(setup))
    assert not [item for item in before if names_it(item, one, words, setup.home)], in_short(before)
    items = setup.doctor()
    assert [item for item in items if names_it(item, one, words, setup.home)], in_short(items)
    assert names_in_report(setup) == []
    if one.mended:
        setup.doctor("--fix", "--yes")
        after = setup.doctor()
        assert not [item for item in after if names_it(item, one, words, setup.home)], in_short(after)


def test_the_trial_is_as_large_as_it_was_written_down() -> None:
    """Each of them is named, and each that may be is mended: no more than one in twenty was allowed to be missed."""
    assert len(TRIAL) == len({one.name for one in TRIAL}) == 26
    assert sum(one.mended for one in TRIAL) == 5
    assert {name for one in TRIAL for name in one.checks} <= {check.name for check in find_checks()}
