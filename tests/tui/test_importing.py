"""Importing clusters: from a bundle, a kubeconfig that somebody sent, and Together AI."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.keyrings import InMemory
from tests.support.together import ScriptedTogether, oidc
from tests.tui.person import at_the_table
from tests.tui.test_managing import keys

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, UseKeyring
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer

BUNDLE = """\
version = 1

[issuers.acme]
url = "{url}"

[profiles.team]
issuer = "acme"
client_id = "the-client"

[clusters.west]
profile = "team"
server = "https://127.0.0.1:7443"
"""


def test_a_bundle_is_imported_once_its_hosts_were_seen(
    issuer: ScriptedIssuer, make_world: MakeWorld, home: Path, tmp_path: Path, canary: Canary
) -> None:
    bundle = tmp_path / "team.toml"
    bundle.write_text(BUNDLE.format(url=issuer.url), "utf-8")

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=0) as person:
            await person.press("i")
            await person.sees("Import clusters", "Where from")
            await person.press(*keys("/nowhere"))
            await person.sees("there is no file or folder /nowhere")
            await person.press("end", "ctrl+u", *keys(str(bundle)), "enter")
            await person.sees(
                "+[profiles.team]", "+[clusters.west]", "127.0.0.1", "Agree only if you know these hosts."
            )
            await person.press("y")
            await person.sees("kubectl has no current context yet. Make west the current one?")
            await person.sees("Imported west.", "Wrote west to")
            await person.press("y")
            await person.sees("Imported team. Log in now?", "The current context is west; there was none.")
            await person.press("n")
            await person.until(lambda: person.app.home.selection.profile == "team", "the new row chosen")
            await person.press("escape")
            await person.until(lambda: "team" in person.app.rows)
            await person.press("i", *keys(str(bundle)), "enter")
            await person.sees("Your configuration and your kubeconfig have all of it already.")

    asyncio.run(flow())
    assert "[clusters.west]" in (home / "tctl" / "config.toml").read_text("utf-8")


def test_a_file_that_is_no_bundle_is_said(make_world: MakeWorld, home: Path, tmp_path: Path, canary: Canary) -> None:
    bundle = tmp_path / "bad.toml"
    bundle.write_text('version = 1\n[profiles.x]\nissuer = "gone"\nclient_id = "[red]\\u001b[31m"\n', "utf-8")

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=0) as person:
            await person.press("i", *keys(str(bundle)), "enter")
            shown = await person.sees("×")
            assert "\x1b" not in shown
            await person.press("escape")

    asyncio.run(flow())
    assert not (home / "tctl" / "config.toml").exists()


KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: east
  cluster: {{server: "https://127.0.0.1:7444"}}
contexts:
- name: east
  context: {{cluster: east, user: oidc}}
- name: old
  context: {{cluster: east, user: admin}}
users:
- name: oidc
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubectl-together_login
      args: [get-token, "--oidc-issuer-url={url}", --oidc-client-id=the-client, "--oidc-client-secret={secret}"]
- name: admin
  user: {{token: "{token}"}}
"""


def test_a_kubeconfig_that_somebody_sent_is_imported_and_its_secret_goes_into_the_keyring(
    issuer: ScriptedIssuer, make_world: MakeWorld, home: Path, tmp_path: Path, canary: Canary, use_keyring: UseKeyring
) -> None:
    keyring = InMemory()
    use_keyring(keyring)
    secret = canary.watch("a client secret", "a-secret-of-a-kubeconfig")
    token = canary.watch("a static token", "a-static-token-of-an-admin")
    sent = tmp_path / "secrets" / "oidc.yaml"
    sent.parent.mkdir()
    sent.write_text(KUBECONFIG.format(url=issuer.url, secret=secret, token=token), "utf-8")

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=0) as person:
            await person.press("i", *keys(str(sent)), "enter")
            await person.sees("Write this?", "The client secret of the-client goes into the keyring.")
            await person.press("n")
            assert not (home / "tctl" / "config.toml").exists()
            await person.press("i", *keys(str(sent)), "enter")
            await person.sees("Write this?")
            await person.press("y")
            await person.sees("kubectl has no current context yet. Make")
            await person.press("n")
            await person.sees("Log in now?")
            await person.press("n", "escape")
            await person.until(lambda: person.app.rows)

    asyncio.run(flow())
    config = (home / "tctl" / "config.toml").read_text("utf-8")
    assert f'url = "{issuer.url}"' in config
    assert [table["client_secret"] for table in tomllib.loads(config)["profiles"].values()] == [{"keyring": True}]
    assert list(keyring.kept.values()) == [secret]
    assert token not in config
    assert "https://127.0.0.1:7444" in config


def test_a_host_that_a_login_of_the_config_would_be_led_to_is_asked_for_by_name(
    acme: Path, issuer: ScriptedIssuer, make_world: MakeWorld, tmp_path: Path, canary: Canary
) -> None:
    before = acme.read_bytes()
    sent = tmp_path / "oidc.yaml"
    text = KUBECONFIG.format(url=issuer.url, secret="", token="").replace('"--oidc-client-secret="', "-v1")
    sent.write_text(text.replace("the-client", issuer.client_id).replace("127.0.0.1:7444", "evil.example"), "utf-8")

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=1) as person:
            await person.press("i", *keys(str(sent)), "enter")
            await person.sees("evil.example would get tokens of client", "Is that right?")
            await person.press("n")
            await person.sees("Nothing was changed.")
            await person.press("i", *keys(str(sent)), "enter")
            await person.sees("Is that right?")
            await person.press("y")
            await person.sees("Write this?", "+[clusters.acme-east]")
            await person.press("n")

    asyncio.run(flow())
    assert acme.read_bytes() == before


def test_a_source_that_does_not_say_how_to_log_in_names_the_command_that_asks(
    make_world: MakeWorld, home: Path, tmp_path: Path, canary: Canary
) -> None:
    sent = tmp_path / "static.yaml"
    text = KUBECONFIG.format(url="https://acme.example", secret="x", token="y")
    sent.write_text(text.replace("user: oidc}", "user: admin}"), "utf-8")

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=0) as person:
            await person.press("i", *keys(str(sent)), "enter")
            await person.sees("does not say how to log in", "togetherctl init")

    asyncio.run(flow())
    assert not (home / "tctl" / "config.toml").exists()


def test_clusters_of_together_ai_are_imported_by_an_api_key_that_is_typed(
    issuer: ScriptedIssuer,
    make_world: MakeWorld,
    home: Path,
    canary: Canary,
    environ: dict[str, str],
    clock: StoppedClock,
    use_keyring: UseKeyring,
) -> None:
    use_keyring(InMemory())
    with ScriptedTogether(clock=clock, canary=canary) as api:
        environ["TOGETHER_BASE_URL"] = api.url
        api.add("h100-east", oidc_config={**oidc(), "issuer_url": issuer.url, "ca_cert": ""})

        async def flow() -> None:
            async with at_the_table(make_world(), canary, rows=0) as person:
                await person.press("i", *keys("together"), "enter")
                await person.sees("API key for")
                await person.press(*keys(api.key), "enter")
                await person.sees("Write this?", "h100-east")
                await person.press("y")
                await person.sees("kubectl has no current context yet. Make")
                await person.press("n")
                await person.sees("Log in now?")
                await person.press("n")

        asyncio.run(flow())
    assert "[clusters.h100-east]" in (home / "tctl" / "config.toml").read_text("utf-8")


def test_of_several_clusters_one_may_become_the_current_one_where_there_is_none(
    issuer: ScriptedIssuer, make_world: MakeWorld, home: Path, tmp_path: Path, canary: Canary
) -> None:
    bundle = tmp_path / "team.toml"
    north = '\n[clusters.north]\nprofile = "team"\nserver = "https://127.0.0.1:7444"\n'
    bundle.write_text(BUNDLE.format(url=issuer.url) + north, "utf-8")
    kubeconfig = home / ".kube" / "config"

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=0, size=(100, 60)) as person:
            await person.press("i", *keys(str(bundle)), "enter")
            await person.sees("+[clusters.north]")
            await person.press("y")
            await person.sees("kubectl has no current context yet", "west", "north", "Escape: none of them")
            await person.press("j", "enter")
            await person.sees("Imported team. Log in now?", "The current context is north; there was none.")
            await person.press("n")
            # With a current context, nothing is offered: what people chose stays.
            more = bundle.read_text("utf-8") + north.replace("north", "south").replace("7444", "7445")
            bundle.write_text(more, "utf-8")
            await person.press("i", *keys(str(bundle)), "enter")
            await person.sees("+[clusters.south]")
            await person.press("y")
            await person.sees("Imported")
            await person.idle()
            assert "no current context" not in person.read()

    asyncio.run(flow())
    assert "current-context: north\n" in kubeconfig.read_text("utf-8")
