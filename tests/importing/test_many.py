"""Kubeconfigs with many clusters: what grows, grows with them and not with their square; what is too much is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from togetherctl.config.models import ConfigTable
from togetherctl.errors import UsageError
from togetherctl.importing.from_kubeconfig import from_kubeconfigs, from_text
from togetherctl.importing.plan import plan_offers
from togetherctl.importing.trusted_hosts import new_hosts
from togetherctl.kube import yaml_text

if TYPE_CHECKING:
    from tests.conftest import Run


def kubeconfig(clusters: int, *, users: int = 1) -> str:
    """One with so many clusters; each user is a client of its own."""

    def stanza(number: int) -> dict[str, Any]:
        words = ["get-token", "--oidc-issuer-url=https://id.acme.com", f"--oidc-client-id=k8s-{number}"]
        return {"exec": {"command": "kubectl-together_login", "args": words}}

    return json.dumps(
        {
            "clusters": [
                {"name": f"c{at}", "cluster": {"server": f"https://c{at}.acme.com"}} for at in range(clusters)
            ],
            "contexts": [
                {"name": f"c{at}", "context": {"cluster": f"c{at}", "user": f"u{at % users}"}} for at in range(clusters)
            ],
            "users": [{"name": f"u{at}", "user": stanza(at)} for at in range(users)],
        }
    )


def calls(work: Callable[..., Any], *arguments: Any, **named: Any) -> int:
    """How many functions are called, built-in ones too."""
    count = 0

    def see(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        work(*arguments, **named)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("clients", ["one client", "a client each"])
def test_twice_as_many_clusters_take_twice_as_much(clients: str) -> None:
    spent: dict[int, list[int]] = {}
    # More than what the standard library's caches hold.
    for many in (300, 600):
        text = kubeconfig(many, users=1 if clients == "one client" else many)
        found = from_text(text, {}, path=Path("/home/me/x"), origin="x")
        after = ConfigTable.model_validate(
            plan_offers(ConfigTable(), found.offers, folder=Path("/home/me"), environ={}).onto({})
        )
        spent[many] = [
            calls(plan_offers, ConfigTable(), found.offers, folder=Path("/home/me"), environ={}),
            calls(plan_offers, after, found.offers, folder=Path("/home/me"), environ={}),
            calls(new_hosts, ConfigTable(), after),
        ]
    for fewer, more in zip(spent[300], spent[600], strict=True):
        assert more < 2.1 * fewer, spent


def test_reading_twice_as_many_takes_twice_as_much() -> None:
    texts = [kubeconfig(many, users=many) for many in (50, 100)]
    fewer, more = (calls(from_text, text, {}, path=Path("/x"), origin="x") for text in texts)
    assert more < 2.1 * fewer


def test_a_kubeconfig_that_is_too_large_is_said_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Run
) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text("clusters:\n" + "- name: c\n  cluster:\n    server: https://c.acme.com\n" * 20_000)

    def read(_text: str) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(yaml_text, "load", read)
    with pytest.raises(UsageError, match="names about 20000 clusters"):
        from_text(path.read_text(), {}, path=path, origin="fleet.yaml")
    with pytest.raises(UsageError, match="names about 20000 clusters"):
        from_kubeconfigs([path], {})
    monkeypatch.undo()
    done = cli("profile", "import", str(path), "--yes")
    assert (done.code, "reading more than 5000 at once" in done.stderr) == (2, True), done.stderr


def test_what_is_too_much_to_take_at_once_can_be_taken_in_parts(tmp_path: Path, cli: Run, home: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(kubeconfig(1001))
    done = cli("profile", "import", str(path), "--yes")
    assert (done.code, "there are 1001 clusters" in done.stderr) == (2, True), done.stderr
    done = cli("profile", "import", str(path), "--yes", "--clusters", "c7,c1000")
    assert done.code == 0, done.stderr
    assert "[clusters.c1000]" in (home / "tctl" / "config.toml").read_text()
