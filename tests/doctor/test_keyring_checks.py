"""Doctor's checks of the keyring: a real gnome-keyring, locked and gone, and keyrings that hang, forget or refuse."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from keyring.backends.null import Keyring as NullKeyring

from tests.support.diagnosis import diagnose, diagnose_one, statuses
from tests.support.keyrings import InMemory, Silent, locked
from tests.support.programs import need
from tests.support.secret_service import PASSWORD, SecretService, private_service
from togetherctl import keyring_secrets
from togetherctl.auth.engine import Policy
from togetherctl.doctor import facts as facts_module
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run, UseKeyring
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.wiring import World

SEALED = 'storage = "keyring"'


class TestARealKeyring:
    @pytest.fixture
    def service(self, home: Path, canary: Canary) -> Iterator[SecretService]:
        need("dbus-daemon")
        need("gnome-keyring-daemon")
        canary.watch("the keyring's password", PASSWORD)
        with private_service(home) as running:
            yield running

    @pytest.fixture
    def doctor(
        self,
        service: SecretService,
        process: Run,
        config_at: MakeConfig,
        issuer: ScriptedIssuer,
        browser: ScriptedBrowser,
        make_world: MakeWorld,
    ) -> Callable[[], dict[str, tuple[str, str]]]:
        """The doctor in a process that finds this keyring and no other, with a session that is sealed there."""
        config_at(issuer)
        world = make_world(browser=browser)
        world.engine.login(world.config.profile("acme"), Policy())
        assert process("profile", "set", "acme", "storage=keyring", **service.variables).code == 0

        def run() -> dict[str, tuple[str, str]]:
            done = process("doctor", "--offline", "-o", "json", **service.variables)
            items = json.loads(done.stdout)["items"]
            return {each["check"]: (each["status"], each["message"]) for each in items}

        return run

    def test_it_is_not_asked_to_unlock(
        self, doctor: Callable[[], dict[str, tuple[str, str]]], service: SecretService
    ) -> None:
        found = doctor()
        assert found["storage-keyring"] == ("ok", "the keyring answers without asking")
        assert found["storage-sealed"] == ("ok", "the sealed session can be opened")
        service.lock()
        began = time.monotonic()
        found = doctor()
        # A prompt would be waited for until a person comes.
        assert time.monotonic() - began < 30
        status, message = found["storage-keyring"]
        assert (status, "the keyring is locked, and asks a person at its next use" in message) == ("warning", True)
        assert "the sessions of acme" in message
        assert found["storage-sealed"] == ("skipped", "the keyring is locked")

    def test_it_is_gone(self, doctor: Callable[[], dict[str, tuple[str, str]]], service: SecretService) -> None:
        for daemon in service.running:
            daemon.kill()
            daemon.wait(10)
        found = doctor()
        status, message = found["storage-keyring"]
        assert (status, "this machine has none that works here" in message) == ("failed", True)
        assert found["storage-sealed"] == ("skipped", "the keyring cannot be used")


class TestAccess:
    """What of a keyring's backend tells whether it asks a person."""

    def test_by_name(self, use_keyring: UseKeyring) -> None:
        for module, name, access in (
            ("tests.support.keyrings", "InMemory", "open"),
            ("keyring.backends.macOS", "Keyring", "may-ask"),
            ("keyring.backends.kwallet", "DBusKeyring", "may-ask"),
            ("keyrings.alt.file", "EncryptedKeyring", "may-ask"),
            ("keyrings.alt.file", "PlaintextKeyring", "open"),
            ("keyring.backends.Windows", "WinVaultKeyring", "open"),
        ):
            use_keyring(type(name, (InMemory,), {"__module__": module})())
            assert keyring_secrets.look() == access

    def test_a_chain_asks_where_one_of_it_does(self, use_keyring: UseKeyring) -> None:
        asks = type("Keyring", (InMemory,), {"__module__": "keyring.backends.macOS"})()
        for backends, access in (([InMemory(), asks], "may-ask"), ([InMemory()], "open")):
            chain = type("ChainerBackend", (InMemory,), {"__module__": "keyring.backends.chainer"})()
            chain.backends = backends
            use_keyring(chain)
            assert keyring_secrets.look() == access


class TestKeyring:
    @pytest.fixture
    def world(self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld) -> World:
        config_at(issuer, "", SEALED)
        return make_world()

    def test_no_profile_uses_it(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        found = diagnose_one(make_world(), "storage-keyring").finding
        assert (found.status, found.message) == ("skipped", "no profile uses the keyring")

    def test_it_does_not_answer(self, world: World, use_keyring: UseKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(facts_module, "KEYRING_SECONDS", 0.3)
        silent = Silent()
        use_keyring(silent)
        facts = Facts(world)
        found = diagnose_one(facts, "storage-keyring").finding
        assert (found.status, found.exit_code) == ("failed", ExitCode.STORAGE)
        assert "has not answered within" in found.message
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl profile set acme storage=file"
        # No other check waits for it once more.
        profile = world.config.profile("acme")
        assert facts.session(profile) is None
        assert silent.asked == {"get": 1}

    def test_it_keeps_nothing(self, world: World, use_keyring: UseKeyring) -> None:
        use_keyring(NullKeyring())
        found = diagnose_one(world, "storage-keyring").finding
        assert (found.status, found.message) == ("failed", "the keyring that is chosen keeps nothing")

    @pytest.mark.parametrize("keys", [SEALED, "client_secret = { keyring = true }"])
    def test_it_refuses(
        self, keys: str, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld, use_keyring: UseKeyring
    ) -> None:
        config_at(issuer, "", keys)
        use_keyring(locked())
        found = diagnose_one(make_world(), "storage-keyring").finding
        assert (found.status, found.exit_code) == ("failed", ExitCode.STORAGE)
        assert found.message == "cannot read from the keyring: it is locked"

    def test_one_that_asks_when_it_likes_is_not_asked(self, world: World, use_keyring: UseKeyring) -> None:
        asks = type("Keyring", (InMemory,), {"__module__": "keyring.backends.macOS"})()
        use_keyring(asks)
        found = diagnose_one(world, "storage-keyring").finding
        assert (found.status, "only its use tells" in found.message) == ("skipped", True)
        assert not asks.asked

    def test_a_client_secret_that_is_not_there(
        self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld, use_keyring: UseKeyring
    ) -> None:
        config_at(issuer, "", "client_secret = { keyring = true }")
        use_keyring(InMemory())
        found = diagnose(make_world(), "storage-keyring")[0]
        assert (found.subject, found.finding.status) == ("acme", "failed")
        assert found.finding.remedy is not None
        assert found.finding.remedy.hint_command == "togetherctl profile secret acme"


class TestSealed:
    @pytest.fixture
    def kept(self, use_keyring: UseKeyring) -> InMemory:
        kept = InMemory()
        use_keyring(kept)
        return kept

    @pytest.fixture
    def session_file(
        self,
        kept: InMemory,
        issuer: ScriptedIssuer,
        config_at: MakeConfig,
        make_world: MakeWorld,
        browser: ScriptedBrowser,
    ) -> Path:
        """A session that is sealed with the key in `kept`."""
        config_at(issuer, "", SEALED)
        world = make_world(browser=browser)
        world.engine.login(world.config.profile("acme"), Policy())
        assert kept.kept
        return world.paths.sessions / f"{world.config.profile('acme').key}.json"

    def test_it_opens(self, session_file: Path, make_world: MakeWorld) -> None:
        assert session_file.exists()
        assert diagnose_one(make_world(), "storage-sealed").finding.status == "ok"

    def test_no_key_opens_it(self, session_file: Path, kept: InMemory, make_world: MakeWorld) -> None:
        sealed = session_file.read_bytes()
        kept.kept.clear()
        found = diagnose_one(make_world(), "storage-sealed").finding
        assert (found.status, found.exit_code) == ("failed", ExitCode.STORAGE)
        assert "is sealed with a key that the keyring does not hold any more" in found.message
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl login acme"
        # The keyring that has the key may be another than this one, so the session stays, and looking makes no key.
        assert found.mend is None
        assert (session_file.read_bytes(), kept.kept) == (sealed, {})

    def test_others_can_read_it(self, session_file: Path, make_world: MakeWorld) -> None:
        session_file.chmod(0o644)
        found = diagnose_one(make_world(), "storage-sealed").finding
        assert (found.status, "open to others" in found.message) == ("skipped", True)

    def test_another_key(self, session_file: Path, kept: InMemory, make_world: MakeWorld) -> None:
        assert session_file.exists()
        kept.kept.clear()
        make_world().sealing_key.make()
        found = diagnose_one(make_world(), "storage-sealed").finding
        assert (found.status, "it holds another one" in found.message) == ("failed", True)
        assert found.mend is None

    def test_a_box_that_was_changed(self, session_file: Path, make_world: MakeWorld) -> None:
        fields = json.loads(session_file.read_text())
        fields["sealed"] = "A" + fields["sealed"][1:] if fields["sealed"][0] != "A" else "B" + fields["sealed"][1:]
        session_file.write_text(json.dumps(fields))
        found = diagnose_one(make_world(), "storage-sealed").finding
        assert (found.status, "cannot be understood" in found.message) == ("failed", True)
        assert found.mend is not None

    def test_moving_a_broken_one_makes_no_key(self, session_file: Path, kept: InMemory, make_world: MakeWorld) -> None:
        session_file.write_text("{")
        kept.kept.clear()
        found = diagnose_one(make_world(), "storage-leftovers").finding
        assert found.mend is not None
        found.mend.apply()
        assert (session_file.exists(), kept.kept) == (False, {})

    def test_a_profile_that_does_not_use_the_keyring_any_more(
        self, session_file: Path, make_world: MakeWorld, config_at: MakeConfig, issuer: ScriptedIssuer
    ) -> None:
        """The session still works with the keyring, so it is not moved."""
        assert session_file.exists()
        config_at(issuer)
        found = diagnose_one(make_world(), "storage-sealed").finding
        assert (found.status, found.mend) == ("failed", None)
        assert "which this profile does not use" in found.message
        assert "storage=keyring" in str(found.remedy)

    def test_a_file_that_lies_open(
        self,
        kept: InMemory,
        acme: Path,
        issuer: ScriptedIssuer,
        make_world: MakeWorld,
        browser: ScriptedBrowser,
        config_at: MakeConfig,
    ) -> None:
        assert acme.exists()
        world = make_world(browser=browser)
        world.engine.login(world.config.profile("acme"), Policy())
        config_at(issuer, "", SEALED)
        found = diagnose_one(make_world(), "storage-sealed").finding
        assert (found.status, found.mend) == ("failed", None)
        assert "holds tokens that are not sealed" in found.message
        assert not kept.kept

    def test_no_session(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        assert statuses(diagnose(make_world(), "storage-sealed")) == ["skipped"]
