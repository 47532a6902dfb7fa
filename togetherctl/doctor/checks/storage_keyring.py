"""Whether the keyring gives what is kept there, at once and without asking a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import KEYRING_SECONDS, Facts
from togetherctl.errors import ExitCode, StorageError, also, run
from togetherctl.finding import Finding
from togetherctl.keyring_secrets import NoKeyring

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile

_UNLOCK = "unlock it in your desktop's program for passwords and keys, or log in to the desktop again"


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    sealing = [profile for profile in facts.profiles if profile.storage == "keyring"]
    secrets = dict(_secrets(facts))
    if not sealing and not secrets:
        raise Skip("no profile uses the keyring")
    way_out = sealing[0].ways.storage("file") if sealing else None
    try:
        access = facts.keyring()
        if access == "locked":
            yield Finding(
                "warning", f"the keyring is locked, and asks a person at its next use{_users(sealing)}", _UNLOCK
            )
        elif access == "may-ask":
            raise Skip("only its use tells whether it asks a person first")
        elif access == "forgets":
            yield Finding("failed", "the keyring that is chosen keeps nothing", way_out, exit_code=ExitCode.STORAGE)
        else:
            missing = list(_missing(secrets))
            yield from missing or [Finding("ok", "the keyring answers without asking")]
    except StorageError as error:
        # Without any, there is nothing to unlock.
        first = None if isinstance(error, NoKeyring) and way_out else error.remedy
        yield Finding("failed", error.message, also(first, way_out), exit_code=error.exit_code)


def _missing(secrets: Mapping[str, str]) -> Iterator[Finding]:
    """The profiles whose client secret the keyring does not hold. Raises StorageError."""
    from togetherctl import keyring_secrets

    for name, secret in secrets.items():
        if keyring_secrets.read(secret, keyring_secrets.Patience(KEYRING_SECONDS)) is None:
            remedy = run("togetherctl", "profile", "secret", name)
            text = "the keyring does not hold its client secret"
            yield Finding("failed", text, remedy, subject=name, exit_code=ExitCode.USAGE)


def _users(sealing: list[Profile]) -> str:
    names = ", ".join(profile.name for profile in sealing[:5])
    return f"; sealed there: the sessions of {names}" if names else ""


def _secrets(facts: Facts) -> Iterator[tuple[str, str]]:
    """The profiles whose client secret is in the keyring, and what it is called there."""
    from togetherctl.config.client_secret import keyring_name

    for profile in facts.profiles:
        source = facts.config.table.profiles[profile.name].client_secret
        if source is not None and source.kind == "keyring":
            yield profile.name, keyring_name(profile.issuer.url, profile.client_id)


CHECK = Check(
    name="storage-keyring",
    area="storage",
    title="The keyring",
    each="machine",
    examine=_examine,
    signs=("cannot read from the keyring: it is locked", "waiting for the keyring, which may be asking to be unlocked"),
    means='Profiles with `storage = "keyring"` need the keyring for each token that is not ready. Where it is locked '
    "it asks a person, and where there is none, as over SSH and in CI, no token comes.",
    helps="Unlock it, or keep the session in a file that only you can read: `togetherctl profile set NAME "
    "storage=file`.",
    seconds=20.0,
    late="the keyring has not answered in time",
    place=30,
)
