"""The checks of what is beside our entries: locks, users of kubelogin, and other credentials."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.findings import command, look_at, mend
from tests.support.kubeconfigs import change
from togetherctl.lock import this_machine

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.clock import StoppedClock


# kubeconfig-lock

DEAD = 2**22 + 1


def test_no_lock_is_in_order(kubeconfig: Path, make_world: MakeWorld) -> None:
    assert kubeconfig.exists()
    assert look_at("kubeconfig-lock", make_world()).status == "ok"


def test_a_lock_of_ours_whose_process_is_gone_is_removed(kubeconfig: Path, make_world: MakeWorld) -> None:
    lock = kubeconfig.with_name("config.lock")
    lock.write_text(f"{DEAD} {this_machine()}\n")
    found = look_at("kubeconfig-lock", make_world())
    assert (found.status, str(DEAD) in found.message) == ("warning", True)
    mend(found)
    assert not lock.exists()


@pytest.mark.parametrize("content", ["", "{this} {machine}\n", f"{DEAD} another-machine-0\n"])
@pytest.mark.parametrize(("age", "status"), [(1, "ok"), (6, "warning"), (3600, "warning")])
def test_a_lock_of_another_is_left_alone(
    content: str, age: int, status: str, kubeconfig: Path, make_world: MakeWorld, clock: StoppedClock
) -> None:
    lock = kubeconfig.with_name("config.lock")
    lock.write_text(content.format(this=os.getpid(), machine=this_machine()))
    os.utime(lock, (clock() - age,) * 2)
    found = look_at("kubeconfig-lock", make_world())
    assert (found.status, found.mend) == (status, None)
    if status == "warning":
        assert command(found) == f"rm {lock}"


# kubeconfig-kubelogin


@pytest.mark.parametrize(
    ("stanza", "status", "said"),
    [
        ({"command": "kubectl", "args": ["oidc-login", "get-token"]}, "warning", "it runs kubectl oidc-login"),
        ({"command": "/opt/kubelogin", "args": ["get-token"]}, "warning", "it runs kubelogin"),
        ({"command": "kubectl", "args": ["together-login", "get-token"]}, "ok", "it runs kubectl together-login"),
    ],
)
def test_users_that_log_in_by_kubelogin_are_named(
    stanza: dict[str, Any], status: str, said: str, kubeconfig: Path, make_world: MakeWorld
) -> None:
    assert look_at("kubeconfig-kubelogin", make_world()).status == "ok"
    stanza["args"] += ["--oidc-issuer-url=https://sso.acme.com", "--oidc-client-id=k"]
    change(kubeconfig, lambda data: data["users"].append({"name": "me", "user": {"exec": stanza}}))
    found = look_at("kubeconfig-kubelogin", make_world())
    assert (found.status, said in found.message, found.subject) == (status, True, "user me")
    assert command(found) == "togetherctl kubeconfig convert"


def test_a_user_of_an_auth_provider_is_named(kubeconfig: Path, make_world: MakeWorld) -> None:
    provider = {"name": "oidc", "config": {"idp-issuer-url": "https://sso.acme.com", "client-id": "k"}}
    change(kubeconfig, lambda data: data["users"].append({"name": "me", "user": {"auth-provider": provider}}))
    found = look_at("kubeconfig-kubelogin", make_world())
    assert (found.status, command(found)) == ("warning", f"togetherctl init {kubeconfig}")


# kubeconfig-other-credentials; tests/doctor/test_with_kubectl.py shows that kubectl sends them


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"token": "made-up"}, "a static token"),
        ({"tokenFile": "/made-up"}, "a file with a token"),
        ({"client-certificate-data": "TUFERQ==", "client-key-data": "TUFERQ=="}, "a client certificate"),
        ({"username": "made-up", "password": "made-up"}, "a user name and password"),
    ],
)
def test_a_credential_beside_ours_fails_and_is_named(
    extra: dict[str, str], said: str, kubeconfig: Path, make_world: MakeWorld
) -> None:
    change(kubeconfig, lambda data: data["users"][0]["user"].update(extra))
    before = kubeconfig.read_text()
    found = look_at("kubeconfig-other-credentials", make_world())
    assert (found.status, found.subject, found.mend) == ("failed", "user togetherctl:acme", None)
    assert f"it also has {said}, which kubectl sends" in found.message
    assert "made-up" not in found.message
    assert command(found) == f"kubectl config unset users.togetherctl:acme.{next(iter(extra))}"
    assert kubeconfig.read_text() == before


def test_a_current_context_with_another_credential_is_a_warning(kubeconfig: Path, make_world: MakeWorld) -> None:
    assert look_at("kubeconfig-other-credentials", make_world()).status == "ok"

    def how(data: Any) -> None:
        data["users"].append({"name": "admin", "user": {"client-certificate": "a.pem", "client-key": "k.pem"}})
        data["contexts"].append({"name": "admin@east", "context": {"cluster": "east", "user": "admin"}})
        data["current-context"] = "admin@east"

    change(kubeconfig, how)
    found = look_at("kubeconfig-other-credentials", make_world())
    assert (found.status, found.subject, command(found)) == ("warning", "context admin@east", "togetherctl use east")
    change(kubeconfig, lambda data: data.update({"current-context": "east"}))
    assert look_at("kubeconfig-other-credentials", make_world()).status == "ok"
