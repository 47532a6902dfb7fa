"""Log in to sessions, one after the other, so that one browser and one person can follow; log out of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from togetherctl.auth.token_notes import TokenNotes
from togetherctl.config.profile import Profile, once_per_session
from togetherctl.errors import Remedy, TogetherctlError, also

if TYPE_CHECKING:
    from togetherctl.auth.engine import Outcome
    from togetherctl.auth.session import Session
    from togetherctl.auth.session_lifecycle import Ended
    from togetherctl.config.types import Grant
    from togetherctl.wiring import World


@dataclass(frozen=True)
class LoginResult:
    """What came of one session: it is there, by this outcome; or the error; or neither, if it was not tried.

    `notes` say why a cluster may refuse its token.
    """

    profile: Profile
    session: Session | None = None
    outcome: Outcome | None = None
    error: TogetherctlError | None = None
    notes: TokenNotes = field(default_factory=TokenNotes)

    @property
    def done(self) -> bool:
        """Whether the login was tried to its end, well or not; Ctrl-C cuts one off, and the rest never begins."""
        return self.session is not None or self.error is not None


def log_in_one_by_one(
    world: World,
    profiles: Sequence[Profile],
    *,
    grant: Grant | None = None,
    force: bool = False,
    starting: Callable[[Profile], None] = lambda _profile: None,
    ended: Callable[[LoginResult], None] = lambda _result: None,
) -> list[LoginResult]:
    """Log in with the first profile of each session; `starting` and `ended` are told as it goes.

    A failure stops nothing. Ctrl-C ends the present login, and the rest is not done. Raises nothing of its own.
    """
    done: list[LoginResult] = []
    chosen = once_per_session(profiles)
    try:
        for profile in chosen:
            starting(profile)
            try:
                done.append(log_in_to(world, profile, grant, force=force))
            except TogetherctlError as error:
                done.append(LoginResult(profile, error=error))
            ended(done[-1])
    except KeyboardInterrupt:
        pass
    return [*done, *(LoginResult(profile) for profile in chosen[len(done) :])]


def log_in_to(world: World, profile: Profile, grant: Grant | None = None, *, force: bool = False) -> LoginResult:
    """Log in to one session. Raises what `Engine.login` raises."""
    session, outcome = world.engine.login(profile, world.policy, grant=grant, force=force)
    return LoginResult(profile, session, outcome, notes=world.noted.pop(profile.key, TokenNotes()))


def log_out(world: World, profile: Profile, *, local: bool = False) -> Ended:
    """Revoke and delete a session. Raises what `Engine.logout` raises; its remedy says if the tokens are gone here."""
    try:
        return world.engine.logout(profile, local=local)
    except TogetherctlError as error:
        # Whatever the error is, these tokens cannot be revoked any more.
        if not local and _is_gone(world, profile):
            not_revoked = Remedy("the tokens are deleted here, but the issuer may still accept them")
            error.remedy = also(not_revoked, error.remedy)
        raise


def _is_gone(world: World, profile: Profile) -> bool:
    try:
        return world.engine.load(profile) is None
    except TogetherctlError:
        return False
