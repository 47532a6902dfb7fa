"""Read the environment variables that override the configuration file.

They are `TOGETHERCTL_PROFILE`, `TOGETHERCTL_LOGIN` and `TOGETHERCTL_BROWSER`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from togetherctl.environment import BROWSER, LOGIN, PROFILE
from togetherctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.store.profile import Profile


@dataclass(frozen=True)
class Overrides:
    """What the variables say; None where they say nothing."""

    profile: str | None = None
    may_log_in: bool | None = None
    browser: tuple[str, ...] | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Overrides:
        """The overrides of one environment. Raises ConfigError."""
        login = environ.get(LOGIN) or None
        if login not in (None, "auto", "never"):
            raise ConfigError(f"the environment variable {LOGIN} must be auto or never")
        try:
            browser = tuple(shlex.split(environ.get(BROWSER, "")))
        except ValueError as error:
            raise ConfigError(
                f"the environment variable {BROWSER} is not a command line: {str(error).lower()}"
            ) from None
        return cls(environ.get(PROFILE) or None, None if login is None else login == "auto", browser or None)

    def apply(self, profile: Profile) -> Profile:
        """The profile with what the variables say about its login and browser."""
        if self.may_log_in is not None:
            profile = replace(profile, may_log_in=self.may_log_in)
        return replace(profile, browser=self.browser) if self.browser else profile
