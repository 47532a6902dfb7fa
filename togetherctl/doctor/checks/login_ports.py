"""Whether the ports of the redirect URIs are free on IPv4 and IPv6, and by what they are held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.errors import Remedy
from togetherctl.finding import Finding, Status
from togetherctl.lock import this_machine

if TYPE_CHECKING:
    from togetherctl.auth.callback import TakenAddress
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    listening = [profile for profile in facts.profiles if _listens(facts, profile)]
    if not listening:
        raise Skip("no login listens on a port here")
    owners = {
        login.owner
        for login in map(facts.login, listening)
        if login is not None and login.under_way and login.machine in ("", this_machine())
    }
    for subject, profile in facts.alike(_ports, listening):
        # Until a token is gone for good, no login is needed, and kubectl works.
        same = [one for one in listening if _ports(one) == _ports(profile)]
        needed = any(_needs_login(facts, one) for one in same)
        yield _try(profile, subject, owners, "failed" if needed else "warning")


def _ports(profile: Profile) -> tuple[object, bool]:
    return profile.loopbacks, profile.certificate is None


def _needs_login(facts: Facts, profile: Profile) -> bool:
    """Whether the next use of the session, as it is stored, opens a login; also where it cannot be read."""
    session, now = facts.session(profile), facts.world.clock()
    token = session.token(profile.token) if session is not None else None
    return session is None or not (session.refreshable or (token is not None and now < token.expires_at))


def _listens(facts: Facts, profile: Profile) -> bool:
    from togetherctl.auth.grants.registry import spec_here

    return spec_here(profile, facts.place(profile)).listens


def _try(profile: Profile, subject: str, owners: set[int], without_any: Status) -> Finding:
    from togetherctl.auth.callback import try_addresses

    https = profile.certificate is not None
    taken = {
        loopback.redirect_uri: try_addresses(loopback, https=https and loopback.redirect_uri.startswith("https:"))
        for loopback in profile.loopbacks
    }
    free = [uri for uri, addresses in taken.items() if not addresses]
    held = [address for addresses in taken.values() for address in addresses]
    if not held:
        return Finding("ok", f"{' and '.join(free)}: free on every address", subject=subject)
    said = "; ".join(_say(address, owners) for address in held)
    if free:
        own = all(address.holder is not None and address.holder.pid in owners for address in held)
        return Finding("ok" if own else "warning", f"{said}; a login uses {free[0]} instead", subject=subject)
    later = "; no login is needed now" if without_any == "warning" else ""
    message = f"no redirect URI of a login can be listened on: {said}{later}"
    return Finding(without_any, message, _without_port(profile), subject=subject)


def _say(address: TakenAddress, owners: set[int]) -> str:
    if not address.in_use:
        return f"{address.address} cannot be listened on ({address.why})"
    own = address.holder is not None and address.holder.pid in owners
    return f"{address.address} is {address.why}{', which has a login under way' if own else ''}"


def _without_port(profile: Profile) -> Remedy:
    words: Sequence[str] = ("end that program", "or register another redirect URI and add it to redirect_uris")
    paste = profile.ways.login_without_port
    return Remedy(f"{', '.join(words)}; pasting needs no port", paste.command)


CHECK = Check(
    name="login-ports",
    area="login",
    title="The ports of the redirect URIs",
    each="machine",
    examine=_examine,
    signs=("no redirect URI of this login can be listened on", "port 8000: in use by …"),
    means="After a login the browser goes to the redirect URI, on this machine. Another program that listens there, on "
    "IPv4 or on IPv6 alone, would get what is meant for togetherctl, so the next redirect URI is used, if there is "
    "one. Where all are held, that is a failure only while a login is needed.",
    helps="End that program, or register another redirect URI at the issuer and add it: `togetherctl profile set NAME "
    "redirect_uris=URI,URI`. `togetherctl login --grant paste` needs no port.",
    place=30,
)
