"""Where kubeconfigs and the configuration differ, told from files alone and never an error."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from tests.support.programs import need
from tests.support.samples import write_east_and_west
from togetherctl.kube import kubeconfig as kubeconfig_module
from togetherctl.usecases.kubeconfig_state import KubeconfigState, read_kubeconfig_state
from togetherctl.usecases.reports import report_drift

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run


@pytest.fixture
def config(acme: Path, home: Path, cli: Run) -> Path:
    """The kubeconfig of two clusters of ours, beside a foreign one that is current."""
    return write_east_and_west(acme, home, cli, "--no-shim")


def kubectl(*words: str) -> None:
    subprocess.run([need("kubectl"), *words], capture_output=True, check=True, timeout=60)


def test_what_was_just_written_does_not_differ(config: Path, make_world: MakeWorld) -> None:
    before = config.read_bytes(), config.stat().st_mtime_ns
    assert read_kubeconfig_state(make_world()) == KubeconfigState("prod")
    assert (config.read_bytes(), config.stat().st_mtime_ns) == before
    assert not config.with_name("config.lock").exists()


@pytest.mark.parametrize("how", [("--portable",), ("--no-shim",), (), ("--api-version", "v1beta1")])
@pytest.mark.usefixtures("config")
def test_another_command_is_no_difference(how: tuple[str, ...], cli: Run, make_world: MakeWorld) -> None:
    assert cli("kubeconfig", "write", *how).code == 0
    assert not read_kubeconfig_state(make_world()).drift


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("server: https://127.0.0.1:6444", "server: https://127.0.0.1:9", "server"),
        ("server: https://127.0.0.1:6444", "server: https://127.0.0.1:6444\n    tls-server-name: x", "tls_server_name"),
        ("server: https://127.0.0.1:6444", "server: https://127.0.0.1:6444\n    proxy-url: http://p:1", "proxy_url"),
        ("server: https://127.0.0.1:6444", "server: https://127.0.0.1:6444\n    certificate-authority: c", "ca_file"),
        (
            "server: https://127.0.0.1:6444",
            "server: https://127.0.0.1:6444\n    insecure-skip-tls-verify: true",
            "insecure_skip_tls_verify",
        ),
        ("namespace: gpu", "namespace: other", "namespace"),
    ],
)
def test_each_key_that_kubectl_goes_by_is_looked_at(
    old: str, new: str, key: str, config: Path, make_world: MakeWorld
) -> None:
    text = config.read_text()
    assert text.count(old) == 1
    config.write_text(text.replace(old, new))
    assert dict(read_kubeconfig_state(make_world()).drift) == {"west": (key,)}


def test_a_user_that_gets_another_credential_differs(config: Path, make_world: MakeWorld) -> None:
    text = config.read_text()
    config.write_text(text.replace("- acme\n", "- other\n"))
    assert dict(read_kubeconfig_state(make_world()).drift) == {"east": ("profile",), "west": ("profile",)}
    config.write_text(text.replace("      - acme\n", "      - acme\n      - --force-refresh\n"))
    assert dict(read_kubeconfig_state(make_world()).drift) == {"east": ("exec",), "west": ("exec",)}


def test_an_entry_that_is_gone_differs_and_a_context_that_is_gone_is_missing(
    config: Path, make_world: MakeWorld
) -> None:
    kubectl("config", "delete-cluster", "west")
    assert dict(read_kubeconfig_state(make_world()).drift) == {"west": ("entry",)}
    kubectl("config", "delete-context", "west")
    state = read_kubeconfig_state(make_world())
    assert (dict(state.drift), state.missing) == ({}, ("west",))
    config.unlink()
    assert read_kubeconfig_state(make_world()) == KubeconfigState(missing=("east", "west"))


def test_a_change_of_the_configuration_differs_until_it_is_written(
    acme: Path, config: Path, cli: Run, make_world: MakeWorld
) -> None:
    acme.write_text(acme.read_text().replace("6444", "6555"))
    before = config.read_bytes()
    state = read_kubeconfig_state(make_world())
    assert dict(state.drift) == {"west": ("server",)}
    (line,) = report_drift(state.drift)
    assert line.text == "Cluster west differs in the kubeconfig: server. kubectl goes by the kubeconfig."
    assert line.remedy is not None
    assert line.remedy.hint_command == "togetherctl kubeconfig write west"
    assert config.read_bytes() == before
    assert cli("kubeconfig", "write", "west").code == 0
    assert not read_kubeconfig_state(make_world()).drift


@pytest.mark.usefixtures("config")
def test_the_current_context_is_told_as_cluster_and_profile(cli: Run, make_world: MakeWorld) -> None:
    assert cli("use", "west").code == 0
    state = read_kubeconfig_state(make_world())
    assert (state.current_context, state.current_cluster, state.current_profile) == ("west", "west", "acme")
    kubectl("config", "rename-context", "west", "mine")
    state = read_kubeconfig_state(make_world())
    assert (state.current_context, state.current_cluster, state.current_profile) == ("mine", "west", "acme")
    assert not state.drift
    # A context that a person made from entries of ours.
    kubectl("config", "set-context", "second", "--cluster=west", "--user=togetherctl:acme")
    kubectl("config", "use-context", "second")
    state = read_kubeconfig_state(make_world())
    assert (state.current_context, state.current_cluster, state.current_profile) == ("second", "west", "acme")


def test_paths_that_kubectl_made_relative_are_the_same(acme: Path, config: Path, cli: Run, make_world: MakeWorld,
                                                      ca_file: Path) -> None:  # fmt: skip
    beside = config.parent / "ca.pem"
    beside.write_bytes(ca_file.read_bytes())
    acme.write_text(acme.read_text() + f'ca_file = "{beside}"\n')
    assert cli("kubeconfig", "write", "--no-shim").code == 0
    kubectl("config", "use-context", "east")
    config.write_text(config.read_text().replace(f"certificate-authority: {beside}", "certificate-authority: ca.pem"))
    assert "certificate-authority: ca.pem" in config.read_text()
    assert not read_kubeconfig_state(make_world()).drift


@pytest.mark.parametrize("text", ["clusters: [", "clusters: 1\n", "- no mapping\n"])
def test_a_kubeconfig_that_cannot_be_read_is_said_and_no_error(text: str, config: Path, make_world: MakeWorld) -> None:
    config.write_text(text)
    state = read_kubeconfig_state(make_world())
    assert state.trouble
    assert str(config) in state.trouble
    assert state == KubeconfigState(trouble=state.trouble)


def test_each_file_of_several_is_read_once_and_the_first_counts(config: Path, make_world: MakeWorld) -> None:
    second = config.with_name("second")
    second.write_text(config.read_text().replace("6444", "9").replace("current-context: prod", "current-context: west"))
    first = config.with_name("first")
    first.write_text("apiVersion: v1\nkind: Config\n")
    listed = os.pathsep.join(map(str, (first, config, second)))
    with patch.object(kubeconfig_module, "read_file", wraps=kubeconfig_module.read_file) as reading:
        state = read_kubeconfig_state(make_world(KUBECONFIG=listed))
    assert [call.args[0] for call in reading.call_args_list] == [first, config, second]
    assert state == KubeconfigState("prod")
    assert dict(read_kubeconfig_state(make_world(), str(second)).drift) == {"west": ("server",)}
