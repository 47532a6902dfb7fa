"""Make the profile of flags that may have a ready file, and decide whether they do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from togetherctl.errors import UsageError, run
from togetherctl.kubelogin.flags import Flags, parse
from togetherctl.kubelogin.profile import profile_of
from togetherctl.paths import locate
from togetherctl.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from togetherctl.config.profile import Profile
    from togetherctl.plugin_words import PluginWords


def profile_of_words(
    environ: Mapping[str, str],
    words: PluginWords,
    *,
    program: str,
    warn: Callable[[str], None],
) -> Profile:
    """The profile that the flags among the words make. Raises UsageError."""
    try:
        flags = parse(words.flags)
    except UsageError as error:
        error.remedy = error.remedy or run(*program.split(), "get-token", "--help")
        raise
    profile = profile_of(flags, environ, program=program, warn=warn)
    may = _are_plain(flags) and _mean_the_same(words, profile, environ)
    return replace(profile, words=words.name) if may else profile


def _are_plain(flags: Flags) -> bool:
    """Whether the words hold nothing that keeps their credential from lying ready, however they were written."""
    secrets = (flags.oidc_client_secret, flags.password, flags.oidc_request_header)
    return not (any(secrets) or flags.force_refresh or flags.v or flags.help)


def _mean_the_same(words: PluginWords, profile: Profile, environ: Mapping[str, str]) -> bool:
    """Whether what the script sees in the words at a glance is what they mean."""
    paths = locate(environ)
    return (
        profile.storage == "file"
        and profile.secret is None
        and _normal(words.ready) == _normal(paths.ready)
        and _normal(words.sessions) == _normal(profile.sessions or paths.sessions)
        and [*map(_normal, words.files)] == [*map(_normal, profile.issuer.connection.ca_files)]
    )


def _normal(path: str | Path) -> str:
    return os.path.normpath(path)
