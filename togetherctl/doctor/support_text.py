"""Write the text that a person attaches to a bug report: what doctor says, versions, the configuration, last errors."""

from __future__ import annotations

import locale
import platform
import ssl
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

from togetherctl import __version__
from togetherctl.config.types import HIDDEN
from togetherctl.doctor.examine import Result
from togetherctl.doctor.known_names import (
    OPEN_PARAMETERS,
    find_authorities,
    find_names,
    find_secrets,
    hide_secrets,
    program_of,
)
from togetherctl.doctor.stand_ins import StandIns
from togetherctl.doctor.words_of_others import hide_opaque_words
from togetherctl.environment import VARIABLES
from togetherctl.errors import TogetherctlError
from togetherctl.finding import Skip
from togetherctl.kube.exec_credential import timestamp
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.config.models import ConfigTable
    from togetherctl.config.profile import Profile
    from togetherctl.doctor.facts import Facts
    from togetherctl.usecases.session_snapshot import SessionSnapshot

# A keyring that asks a person, who may be away, must not hold up the text.
_SECONDS = 5.0
# Words of ours that may also be names; as a name they say nothing of who uses them.
_COMMON = """
    add admin agent all allowlist auto clean cluster clusters completion config consent context convert default
    demo dev doctor edit export failed false file get-token help host id import init issuer issuers kubeconfig
    kubectl kubernetes list local login logout machine name none ok path presets prod profile profiles prune
    refresh remove rename root run schema select_account session set setup shell show skipped ssh staging stale
    state status support test token true ui unset update use user valid validate version warning whoami write
"""
_LIBRARIES = ("cryptography", "pydantic-core", "httpcore2", "certifi", "secretstorage")


def write_support_text(facts: Facts, results: Sequence[Result], *, names: bool = False) -> str:
    """The whole text; it ends with a line break.

    Secrets are never in it. Names and addresses are replaced by stand-ins unless `names`.
    """
    snapshots = [found for profile in facts.profiles if (found := _read(facts, profile)) is not None]
    sessions = [found.session for found in snapshots if found.session is not None]
    text = "\n".join(
        [
            f"Written by togetherctl {__version__} at {timestamp(facts.world.clock())}.",
            "Secrets are left out."
            if names
            else "Secrets are left out. Each name and address is replaced by a word, the same one all over this text.",
            *_section("Versions", _versions()),
            *_section("Variables that are set", _variables(facts)),
            *_section("Doctor", _doctor(results)),
            *_section("Configuration", _configuration(facts)),
            *_section("Sessions", _sessions(facts, snapshots)),
            "",
        ]
    )
    for words in _words_of_issuers(facts, snapshots):
        text = text.replace(words, hide_opaque_words(words))
    common = frozenset(_common_words())
    # A word of ours that someone has as a secret gives nothing away here; replaced, it would make the rest unreadable.
    text = hide_secrets(text, find_secrets(facts, sessions) - common)
    if names:
        return text
    home = facts.world.environ.get("HOME") or facts.world.environ.get("USERPROFILE", "")
    known = [*find_names(facts, sessions), *find_authorities(text)]
    return StandIns(known, home=home, common=common).replace(text)


def _words_of_issuers(facts: Facts, snapshots: Sequence[SessionSnapshot]) -> Iterator[str]:
    """Why refreshes and logins failed, as it stands in the text: an issuer may repeat there what it was sent."""
    for found in snapshots:
        login = facts.world.sessions(found.profile).login_file(found.profile.key).read()
        for message in (found.trouble.message if found.trouble else "", (login.message or "") if login else ""):
            yield from dict.fromkeys(text for text in (message, printable(message, limit=2000)) if text)


def _common_words() -> Iterator[str]:
    """Names that say nothing of their owner, and whose replacement would hide what this text says."""
    from togetherctl.config.models import BundleTable, ClusterTable, ConfigTable, IssuerTable, ProfileTable
    from togetherctl.config.presets import preset_names
    from togetherctl.doctor.check import AREAS, find_checks

    yield from _COMMON.split()
    yield from AREAS
    yield from preset_names()
    for check in find_checks():
        yield from (check.name, *check.name.split("-"))
    for table in (ConfigTable, IssuerTable, ProfileTable, ClusterTable, BundleTable):
        yield from table.model_fields


def _section(title: str, lines: Iterator[str]) -> list[str]:
    return ["", title, "=" * len(title), *(list(lines) or ["none"])]


def _versions() -> Iterator[str]:
    yield f"togetherctl {__version__}, {platform.python_implementation()} {platform.python_version()}"
    yield f"{platform.system()} {platform.release()} {platform.machine()}, {_distribution()}"
    yield f"{ssl.OPENSSL_VERSION}, {locale.getpreferredencoding(do_setlocale=False)}, {sys.getfilesystemencoding()}"
    for name in sorted({*_required(), *_LIBRARIES}):
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.mac_ver()[0] or platform.version()


def _required() -> Iterator[str]:
    try:
        requirements = metadata.requires("togetherctl") or ()
    except metadata.PackageNotFoundError:
        return
    for requirement in requirements:
        if "extra ==" not in requirement:
            name = requirement.partition(";")[0].strip()
            yield name[: next((at for at, char in enumerate(name) if char in " [<>=!~("), len(name))]


def _variables(facts: Facts) -> Iterator[str]:
    """Names alone: what a variable says may be anything."""
    environ = facts.world.environ
    found = [variable.name for variable in VARIABLES if environ.get(variable.name)]
    if found:
        yield ", ".join(found)


def _doctor(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        finding = result.finding
        subject = f" {printable(result.subject)}" if result.subject else ""
        yield f"{finding.status:<7}  {result.check.name}{subject}: {finding.message}"
        if finding.remedy is not None:
            if finding.remedy.text:
                yield f"         {printable(finding.remedy.hint, limit=2000)}"
            if finding.remedy.command:
                yield f"         run: {printable(finding.remedy.hint_command, limit=2000)}"


def _configuration(facts: Facts) -> Iterator[str]:
    if facts.trouble is not None:
        yield f"{facts.trouble.message}"
        yield from (f"  {printable(problem)}" for problem in facts.trouble.problems)
        return
    from togetherctl.config.toml_text import dump

    yield from dump(without_values_of_others(facts.config.table)).splitlines()


def without_values_of_others(table: ConfigTable) -> dict[str, Any]:
    """What the configuration sets, as data; without comments, secrets, certificates and words of other programs."""
    data: dict[str, Any] = table.model_dump(mode="json", exclude_unset=True)
    for entries in (data.get("issuers", {}), data.get("clusters", {})):
        for entry in entries.values():
            if entry.get("ca_data"):
                entry["ca_data"] = f"({len(entry['ca_data'])} characters of base64)"
    for profile in data.get("profiles", {}).values():
        for name in profile.get("auth_params", {}):
            if name not in OPEN_PARAMETERS:
                profile["auth_params"][name] = HIDDEN
        if isinstance(profile.get("browser"), list):
            profile["browser"] = _program_alone(profile["browser"])
        secret = profile.get("client_secret")
        if isinstance(secret, dict) and "command" in secret:
            secret["command"] = _program_alone(secret["command"])
    kept: dict[str, Any] = _without_nothing(data)
    return kept


def _program_alone(words: Sequence[str]) -> list[str]:
    """A command line without what its words say; which program it is matters."""
    return [program_of(words[0]), *(word if word == "{url}" else HIDDEN for word in words[1:])]


def _without_nothing(value: Any) -> Any:
    # TOML has no word for nothing.
    if isinstance(value, dict):
        return {name: _without_nothing(one) for name, one in value.items() if one is not None}
    return value


def _sessions(facts: Facts, snapshots: Sequence[SessionSnapshot]) -> Iterator[str]:
    if facts.trouble is not None:
        # Without it there are no profiles whose sessions could be looked for.
        yield "not known: the configuration cannot be read"
        return
    now = facts.world.clock()
    for found in snapshots:
        token = found.token
        until = f", its token until {timestamp(token.expires_at)}" if token else ""
        refreshable = ", refreshable" if found.session is not None and found.session.refreshable else ""
        yield f"{found.name}: {_word(found.state(now))}, storage {found.profile.storage}{until}{refreshable}"
        if found.trouble is not None:
            at = timestamp(found.trouble.at)
            yield f"  last error at {at} ({found.trouble.code}): {printable(found.trouble.message, limit=2000)}"
        login = facts.world.sessions(found.profile).login_file(found.profile.key).read()
        if login is not None and login.failed_at is not None:
            failed = timestamp(login.failed_at)
            yield f"  a login failed at {failed} ({login.code}): {printable(login.message, limit=2000)}"
    told = {found.name for found in snapshots}
    yield from (f"{profile.name}: not read in time" for profile in facts.profiles if profile.name not in told)


def _word(state: Any) -> str:
    return str(getattr(state, "value", state))


def _read(facts: Facts, profile: Profile) -> SessionSnapshot | None:
    """The profile's session; None where that takes too long."""
    found: list[SessionSnapshot] = []

    def read() -> None:
        try:
            found.append(facts.snapshot(profile))
        except (TogetherctlError, Skip):
            return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return found[0] if found else None
