"""`profile validate`, `issuer validate`, `cluster validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.disk import read_whole
from togetherctl.errors import ConfigError
from togetherctl.paths import expand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from togetherctl.store.choices import Kind

_MAX_BYTES = 16 * 1024 * 1024
_FILES: dict[Kind, tuple[str, ...]] = {
    "profile": ("listen_cert_file", "listen_key_file"),
    "issuer": ("ca_file",),
    "cluster": ("ca_file",),
}


def command(kind: Kind) -> click.Command:
    @click.command("validate")
    @pass_app
    def validate(app: App) -> None:
        store = app.world.store
        entries = store.entries(kind)
        problems = [problem for name, table in entries.items() for problem in _missing_files(app, kind, name, table)]
        if problems:
            raise ConfigError(f"{store.path} names files that cannot be read", problems=problems)
        if store.mtime_ns is None:
            app.console.say(f"There is no store at {store.path} yet.")
            return
        app.console.say(f"{store.path} is sound: {len(entries)} {kind}{'' if len(entries) == 1 else 's'}.")

    validate.help = f"Check the whole store.\n\nAnd that the files its {kind}s name can be read."
    return validate


def _missing_files(app: App, kind: Kind, name: str, table: BaseModel) -> Iterator[str]:
    folder = app.world.paths.config.parent
    for key in _FILES[kind]:
        named = getattr(table, key) or ()
        for path in (named,) if isinstance(named, str) else named:
            absolute = expand(path, app.environ, beside=folder)
            try:
                read_whole(absolute, limit=_MAX_BYTES)
            except OSError as error:
                yield f"{kind}s.{name}.{key}: {absolute}: {error.strerror}"
