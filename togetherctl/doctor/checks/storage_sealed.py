"""Whether sealed sessions can be opened with the key that the keyring holds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.storage import refuse_open_session, set_aside
from togetherctl.errors import ExitCode, StorageError
from togetherctl.finding import Finding, Mend, failure

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    from togetherctl.auth.cache.files import form_of

    folder = profile.sessions or facts.world.paths.sessions
    path = folder / f"{profile.key}.json"
    form = form_of(path) if path.is_file() else "none"
    if profile.storage == "memory" or (profile.storage == "file" and form != "sealed") or form == "none":
        raise Skip("there is no sealed session")
    if profile.storage == "keyring" and form == "sealed":
        facts.keyring_at_hand()
    refuse_open_session(facts, profile)
    sessions = facts.world.sessions(profile)
    # One whose key is not here stays: a keyring that is not at hand now may open it.
    lost = profile.storage == "keyring" and form == "sealed"
    mend = Mend(f"move the session of {profile.called} aside", partial(set_aside, sessions, profile.key))
    try:
        session = sessions.load(profile.key)
    except StorageError as error:
        yield failure(error)
    else:
        if session is None and lost:
            text = f"{path} is sealed with the right key and cannot be understood"
            yield Finding("failed", text, profile.ways.login, exit_code=ExitCode.STORAGE, mend=mend)
        elif session is not None:
            yield Finding("ok", "the sealed session can be opened")


CHECK = Check(
    name="storage-sealed",
    area="storage",
    title="Sealed sessions",
    each="session",
    examine=_examine,
    signs=(
        "… is sealed with a key that the keyring does not hold",
        "… is sealed with a key from the keyring, which this profile does not use",
    ),
    means="The session on disk is encrypted with a key from a keyring: another one than this, or one that was deleted "
    "or made again. Without that key nothing opens it.",
    helps="Unlock the keyring that has the key, or log in again. `togetherctl doctor --fix` moves aside only what the "
    "right key opens and no togetherctl understands. Where only `storage` of the profile does not fit, the message "
    "names the command that makes it fit.",
    place=40,
)
