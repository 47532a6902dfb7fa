"""The environment variables that override the store, checked like the store itself."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from togetherctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(shlex.split(value)) or None
    except ValueError as error:
        raise ValueError(f"is not a command line: {str(error).lower()}") from None


class Overrides(BaseSettings):
    """What `TOGETHERCTL_PROFILE`, `TOGETHERCTL_LOGIN` and `TOGETHERCTL_BROWSER` say; None where they say nothing."""

    model_config = SettingsConfigDict(env_prefix="TOGETHERCTL_", env_ignore_empty=True, extra="ignore", frozen=True)

    profile: str | None = None
    login: Literal["auto", "never"] | None = None
    browser: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_words)] = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `read` passes counts: the environment is a parameter here."""
        return (init_settings,)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Overrides:
        """The overrides of one environment. Raises ConfigError."""
        try:
            return cls(**_From(cls, environ)())
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            name = f"TOGETHERCTL_{str(problem['loc'][0]).upper()}"
            expected = problem.get("ctx", {}).get("expected")
            reason = f"must be {str(expected).replace(chr(39), '')}" if expected else str(problem["ctx"]["error"])
            raise ConfigError(f"the environment variable {name} {reason}") from None


class _From(EnvSettingsSource):
    """The environment as a parameter instead of the process's own."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, Any]:
        return {name.lower(): value for name, value in self._environ.items() if value}
