"""Which browser a login would open here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.known_names import program_of
from togetherctl.errors import run
from togetherctl.finding import Finding
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile

_PRINTS = "a login prints its address instead"
_SECONDS = 3.0


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    from togetherctl.auth.grants.registry import GRANTS, WITHOUT_BROWSER

    by_person = [profile for profile in facts.profiles if profile.grant not in WITHOUT_BROWSER]
    if not by_person:
        raise Skip("no login here opens a browser")
    for subject, profile in facts.alike(lambda one: (one.browser, GRANTS[one.grant].listens), by_person):
        yield _look(facts, profile, subject)


def _look(facts: Facts, profile: Profile, subject: str) -> Finding:
    environ, word = facts.world.environ, profile.browser[0] if profile.browser else ""
    # Its other words may hold what only its owner may know, such as a key.
    program = program_of(word)
    if not facts.world.policy.ask:
        found = Finding("ok", "no browser is opened, because CI or TOGETHERCTL_NO_INPUT is set")
    elif profile.browser is False:
        found = Finding("ok", "no browser is opened, because browser is false: a login prints its address")
    elif profile.browser and shutil.which(word, path=environ.get("PATH")):
        found = Finding("ok", f"a login opens {program}")
    elif profile.browser:
        found = Finding("warning", f"{program}, which browser names, is not found; {_PRINTS}")
    elif why := facts.place(profile).without_browser:
        found = _elsewhere(profile, why)
    else:
        found = _own(environ)
    return replace(found, subject=subject, hint=found.remedy)


def _elsewhere(profile: Profile, why: str) -> Finding:
    from togetherctl.auth.grants.registry import GRANTS

    if not GRANTS[profile.grant].listens:
        return Finding("ok", f"no browser comes up here, because {why}; auto logs in without one")
    remedy = run("togetherctl", "profile", "set", profile.name, "grant=auto", words="this chooses what fits")
    text = f'no browser comes up here, because {why}, and grant = "{profile.grant}" needs one on this machine'
    return Finding("warning", text, remedy)


def _own(environ: Mapping[str, str]) -> Finding:
    from togetherctl.auth.browser import own_opener

    if sys.platform == "win32":
        return Finding("ok", "a login opens the browser of this machine")
    opener = own_opener(environ)
    if opener is None:
        return Finding("warning", f"no program that opens a browser, such as xdg-open, is found; {_PRINTS}")
    name = _chosen(environ) if opener[0] == "xdg-open" else ""
    return Finding("ok", f"a login opens {f'{name} by {opener[0]}' if name else opener[0]}")


def _chosen(environ: Mapping[str, str]) -> str:
    """What the desktop opens web pages with, as it calls it; empty where it does not say."""
    from togetherctl.environment import for_child

    program = shutil.which("xdg-settings", path=environ.get("PATH"))
    with suppress(OSError, subprocess.SubprocessError, UnicodeError):
        if program:
            words = [program, "get", "default-web-browser"]
            done = subprocess.run(
                words,
                env=for_child(environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            return printable(done.stdout.strip(), limit=60) if done.returncode == 0 else ""
    return ""


CHECK = Check(
    name="login-browser",
    area="login",
    title="The browser that a login opens",
    each="machine",
    examine=_examine,
    signs=("no browser opens", "another browser opens than the one you are logged in with"),
    means="A login opens the browser that `browser` of the profile or `TOGETHERCTL_BROWSER` names, else the one of "
    "this desktop. Over SSH, in a container and without a display there is none.",
    helps="`togetherctl profile set NAME browser=firefox` names one; `togetherctl login --no-browser` prints the "
    "address.",
    place=20,
)
