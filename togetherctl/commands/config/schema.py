"""`togetherctl config schema`."""

from __future__ import annotations

import json

import click

from togetherctl.cli.console import put
from togetherctl.store.models import json_schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the store.

    For editors that complete and check TOML.
    """
    put(json.dumps(json_schema(), indent=2))
