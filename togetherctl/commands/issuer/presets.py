"""`togetherctl issuer presets`: show the catalogue of identity providers."""

from __future__ import annotations

from typing import Any

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option, paragraph, show_list, show_record
from togetherctl.config.presets import Preset, find_preset, parts, preset_names
from togetherctl.config.validation import nearest
from togetherctl.errors import UsageError, run

_LABEL = 15


@click.command(
    "presets",
    cls=Command,
    examples=[
        "togetherctl issuer presets",
        "togetherctl issuer presets okta",
    ],
)
@click.argument("name", required=False)
@output_option
@pass_app
def command(app: App, name: str | None) -> None:
    """List the identity providers that are known, or show one.

    With NAME: what to register there, how a refresh token comes, and what differs. It is recognised from an issuer's
    URL or metadata; preset=NAME in an issuer names it.
    """
    if name is None:
        items = [_item(each, preset) for each in preset_names() if (preset := find_preset(each, ""))]
        show_list(
            app,
            items,
            {
                "NAME": lambda item: item["name"],
                "PROVIDER": lambda item: item["title"],
                "ISSUER": lambda item: item["issuer_example"],
            },
            name="name",
        )
        return
    preset = find_preset(name, "")
    if preset is None:
        raise UsageError(
            f"there is no preset {name}{nearest(name, preset_names())}", hint=run("togetherctl", "issuer", "presets")
        )
    if app.output == "table":
        _show(preset)
    else:
        show_record(app, _item(name, preset), name="name")


def _item(name: str, preset: Preset) -> dict[str, Any]:
    return {"name": name, **preset.model_dump(mode="json", by_alias=True)}


def _show(preset: Preset) -> None:
    put(preset.title)
    for part in parts(preset):
        put("")
        label = part.heading
        for text in part.paragraphs:
            put(paragraph(text, label=label, indent=_LABEL, bullet="- " if part.listed else ""))
            label = ""
