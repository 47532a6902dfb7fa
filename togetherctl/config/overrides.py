"""Read the environment variables that override the configuration.

They are `TOGETHERCTL_PROFILE`, `TOGETHERCTL_LOGIN` and `TOGETHERCTL_BROWSER`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from togetherctl.environment import BROWSER, LOGIN, PROFILE
from togetherctl.errors import ConfigError


@dataclass(frozen=True)
class Overrides:
    """What the variables say; None where they say nothing. `login` is `auto` or `never`."""

    profile: str | None
    login: str | None
    browser: tuple[str, ...] | None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Overrides:
        """The overrides of one environment. Raises ConfigError."""
        login = environ.get(LOGIN) or None
        if login not in ("auto", "never", None):
            raise ConfigError(f"the environment variable {LOGIN} must be auto or never")
        try:
            browser = tuple(shlex.split(environ.get(BROWSER, "")))
        except ValueError as error:
            raise ConfigError(
                f"the environment variable {BROWSER} is not a command line: {str(error).lower()}"
            ) from None
        return cls(environ.get(PROFILE) or None, login, browser or None)
