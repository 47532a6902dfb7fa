"""Tokens that an API server takes or refuses, at a scripted issuer which signs whatever a test says."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from tests.real.cluster.conftest import Machine, StartCluster
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def scripted(machine: Machine, tls_issuer: ScriptedIssuer, ca_file: Path, home: Path) -> ScriptedIssuer:
    """Its person agrees at once; the configuration knows it as the issuer of the profile acme."""
    visit = shlex.join([sys.executable, "-m", "tests.support.visit", "log-in", str(home / "visits")])
    browser = home / "browser"
    browser.write_text(f'#!/bin/sh\nSSL_CERT_FILE="{ca_file}" PYTHONPATH="{ROOT}" exec {visit} "$1"\n')
    issuer = f"--issuer {tls_issuer.url} --client-id {tls_issuer.client_id} --ca-file {ca_file}"
    machine.does(f"togetherctl profile add acme {issuer} redirect_uris=http://localhost:0")
    return tls_issuer


def add_cluster(machine: Machine, start_cluster: StartCluster, *flags: str) -> None:
    cluster = start_cluster(*flags)
    machine.does(f"togetherctl cluster add gpu --profile acme --server {cluster.url} --ca-file {cluster.ca_file}")


@pytest.mark.usefixtures("scripted")
def test_an_algorithm_that_the_flags_must_name(machine: Machine, ca_file: Path, start_cluster: StartCluster) -> None:
    item = json.loads(machine.does("togetherctl setup --profile acme -o json"))["item"]
    flags = [flag.replace("/etc/kubernetes/pki/oidc-ca.pem", str(ca_file)) for flag in item["api_server_flags"]]
    # The scripted issuer signs with ES256, and a server takes RS256 alone unless its flags say more.
    assert "--oidc-signing-algs=ES256" in flags
    add_cluster(machine, start_cluster, *flags)
    assert machine.whoami()["username"] == item["username"] == "me@acme.com"

    machine.does("togetherctl cluster remove gpu --yes")
    add_cluster(machine, start_cluster, *[flag for flag in flags if "signing-algs" not in flag])
    refused = machine.run("togetherctl whoami")
    assert (refused.returncode, "401" in refused.stderr) == (5, True), refused.stderr


def test_an_unverified_address(
    machine: Machine, scripted: ScriptedIssuer, ca_file: Path, start_cluster: StartCluster
) -> None:
    scripted.claims["email_verified"] = False
    trust = [f"--oidc-issuer-url={scripted.url}", f"--oidc-client-id={scripted.client_id}", f"--oidc-ca-file={ca_file}"]
    trust += ["--oidc-signing-algs=ES256"]
    add_cluster(machine, start_cluster, *trust, "--oidc-username-claim=email")
    machine.does("togetherctl login acme")
    refused = machine.run("togetherctl whoami")
    assert (refused.returncode, "401" in refused.stderr) == (5, True), refused.stderr

    # What setup says instead is what this server takes.
    item = json.loads(machine.does("togetherctl setup --profile acme -o json"))["item"]
    assert item["username"] == f"{scripted.url}#user-1"
    machine.does("togetherctl cluster remove gpu --yes")
    flags = [flag.replace("/etc/kubernetes/pki/oidc-ca.pem", str(ca_file)) for flag in item["api_server_flags"]]
    add_cluster(machine, start_cluster, *flags)
    assert machine.whoami()["username"] == item["username"]


def test_an_issuer_that_comes_later(
    machine: Machine, scripted: ScriptedIssuer, ca_file: Path, start_cluster: StartCluster
) -> None:
    machine.does("togetherctl login acme")
    scripted.stop()
    trust = [f"--oidc-issuer-url={scripted.url}", f"--oidc-client-id={scripted.client_id}", f"--oidc-ca-file={ca_file}"]
    # Ready, though it can take no token yet.
    add_cluster(machine, start_cluster, *trust, "--oidc-signing-algs=ES256", "--oidc-username-claim=email")
    assert "401" in machine.run("togetherctl whoami").stderr
    scripted.start()
    end = time.monotonic() + 60
    while machine.run("togetherctl whoami").returncode and time.monotonic() < end:
        time.sleep(1)
    assert machine.whoami()["username"] == "me@acme.com"
