"""Read the environment variables that override the configuration.

They are `TOGETHERCTL_PROFILE`, `TOGETHERCTL_LOGIN` and `TOGETHERCTL_BROWSER`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from togetherctl.errors import ConfigError

_PREFIX = "TOGETHERCTL_"


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(shlex.split(value)) or None
    except ValueError as error:
        raise ValueError(f"is not a command line: {str(error).lower()}") from None


class Overrides(BaseSettings):
    """What the variables say; None where they say nothing."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True)

    profile: str | None = None
    login: Literal["auto", "never"] | None = None
    browser: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_split)] = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Overrides:
        """The overrides of one environment, which is a parameter here and not the process's own. Raises ConfigError."""
        try:
            # What is passed wins over the process's environment, and every field is passed.
            given: dict[str, Any] = {name: environ.get(f"{_PREFIX}{name.upper()}") or None for name in cls.model_fields}
            return cls(**given)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            name = f"{_PREFIX}{str(problem['loc'][0]).upper()}"
            expected = problem.get("ctx", {}).get("expected")
            reason = f"must be {str(expected).replace(chr(39), '')}" if expected else str(problem["ctx"]["error"])
            raise ConfigError(f"the environment variable {name} {reason}") from None
