"""Log in to sessions, one after the other, so that one browser and one person can follow; log out of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from togetherctl.auth.cache.forwarded_ready_file import drop_forwarded
from togetherctl.auth.claims import WrongAccount, is_account, read_claims
from togetherctl.auth.token_notes import TokenNotes
from togetherctl.config.profile import Profile, once_per_session
from togetherctl.config.types import SESSION_OWNERS
from togetherctl.errors import LoginRequired, Remedy, TogetherctlError, UsageError, also, run

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
    _refuse_grant(profile, grant)
    try:
        if profile.called_there:
            session, outcome = _log_in_there(world, profile, force=force)
        else:
            session, outcome = world.engine.login(profile, world.policy, grant=grant, force=force)
    except WrongAccount as error:
        if profile.account and profile.account != world.config.resolved(profile.name).account:
            # To set this in the profile would end the session that it has.
            error.remedy = second_profile(world, profile, profile.account, "auth_params.prompt=select_account")
        raise
    return LoginResult(profile, session, outcome, notes=world.noted.pop(profile.key, TokenNotes()))


def _refuse_grant(profile: Profile, grant: Grant | None) -> None:
    """Raises UsageError where the profile's credential comes from an agent, or `grant` would ask one for another's."""
    if grant is None or grant == profile.grant:
        return
    if profile.called_there:
        raise UsageError(f"profile {profile.name} has no login here: an agent that is forwarded gives its credential")
    if SESSION_OWNERS[grant] == "agent":
        raise UsageError(
            f"profile {profile.name} is none that an agent gives the credential of",
            hint=run("togetherctl", "init", "agent", words="this takes the profiles of a forwarded agent"),
        )


def _log_in_there(world: World, profile: Profile, *, force: bool) -> tuple[Session, Outcome]:
    """What the agent gives, after a login there where one is needed, or by `force` always."""
    from togetherctl.usecases.login_from_afar import log_in_from_afar

    if not force:
        try:
            return world.engine.login(profile, world.policy)
        except LoginRequired:
            if not world.policy.ask:
                raise
    log_in_from_afar(world, profile.name, profile.called_there)
    return world.engine.login(profile, world.policy, force=force)


def log_in_as(world: World, profile: Profile, account: str) -> Profile:
    """The profile for one login that accepts `account` alone; its session stays that of the profile.

    Raises UsageError where the profile accepts another one for good.
    """
    if profile.account and profile.account.casefold() != account.casefold():
        raise UsageError(
            f"profile {profile.name} is for {profile.account} alone", hint=second_profile(world, profile, account)
        )
    return replace(profile, account=account)


def session_in_the_way(world: World, profile: Profile) -> str | None:
    """Whose session a login with the profile's account would replace; None where there is none of another account.

    Raises StorageError.
    """
    session = world.engine.load(profile)
    if session is None or not profile.account:
        return None
    claims = read_claims(session.id_token.value) if session.id_token else {}
    known = {"email": session.identity, "sub": session.subject, **claims}
    return None if is_account(known, profile.account) else session.identity


def second_profile(world: World, profile: Profile, account: str, *settings: str) -> Remedy:
    """The command that adds a profile for another account at the same issuer."""
    taken = world.config.table.profiles
    name = next(name for at in count(2) if (name := f"{profile.name}-{at}") not in taken)
    return run(
        *("togetherctl", "profile", "add", name, "--like", profile.name, "--account", account, *settings),
        words="another account has a profile of its own",
    )


def log_out(world: World, profile: Profile, *, local: bool = False) -> Ended:
    """Revoke and delete a session, and forget what the person answered the agent about it.

    Raises what `Engine.logout` raises; its remedy says if the tokens are gone here.
    """
    from togetherctl.usecases.agent_questions import forget_answers

    if profile.called_there:
        drop_forwarded(world.paths, profile.name)
    try:
        try:
            return world.engine.logout(profile, local=local)
        finally:
            # A "yes" was to the session that ends.
            forget_answers(world.paths, *world.config.sharing(profile), now=world.clock())
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
