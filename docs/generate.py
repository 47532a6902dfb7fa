"""Writes the reference pages that are made from the code: `make docs` runs it, a test compares them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
from pydantic import BaseModel

from docs.help_pages import record
from togetherctl.cli.lazy import LazyGroup
from togetherctl.cli.quick_help import PAGES
from togetherctl.commands.kubectl_plugin import plugin
from togetherctl.commands.root import root
from togetherctl.config import models
from togetherctl.config.descriptions import describe
from togetherctl.config.models import (
    AgentTable,
    BundleTable,
    ClusterTable,
    ConfigTable,
    IssuerTable,
    ProfileTable,
    json_schema,
)
from togetherctl.config.presets import example, find_preset, parts, preset_names
from togetherctl.config.presets import json_schema as preset_schema
from togetherctl.doctor.check import find_checks
from togetherctl.environment import VARIABLES
from togetherctl.errors import EXIT_CODES
from togetherctl.importing.source_rules import POWERS, Verdict
from togetherctl.kubelogin import PLUGIN
from togetherctl.shim_script import PLUGIN as PLUGIN_SCRIPT

HERE = Path(__file__).parent
_TABLE_BEGINS = (
    "<!-- The table is made from togetherctl/importing/source_rules.py by `make docs`; change it there. -->\n\n"
)
_MAP_BEGINS = "<!-- The map is made from the docstrings of the modules by `make docs`; change them there. -->\n"
_CHECKS_BEGIN = "<!-- What follows is made from togetherctl/doctor/checks by `make docs`; change it there. -->\n"
_ENDS = "\n<!-- The generated part ends here. -->\n"
# From the top floor to the ground floor, as in the picture of the page.
FLOORS = (
    "commands",
    "cli",
    "tui",
    "demo",
    "doctor",
    "usecases",
    "agent",
    "importing",
    "kubelogin",
    "auth",
    "kube",
    "together",
    "config",
)
_ELSE = {"kubeconfig": "left out, and said", "bundle": "the bundle is refused"}
_HOW_OFTEN = {
    "machine": "once",
    "profile": "for each profile",
    "cluster": "for each cluster",
    "issuer": "for each issuer",
    "session": "for each session",
}
MADE = "<!-- Made from the code by `make docs`; change it there. -->\n\n"


def pages() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    reference = HERE / "reference"
    return {
        reference / "commands.md": MADE + "".join(_commands()),
        reference / "configuration.md": MADE + "".join(_configuration()),
        reference / "environment.md": MADE + "".join(_environment()),
        reference / "exit-codes.md": MADE + "".join(_exit_codes()),
        HERE / "providers.md": MADE + "".join(_providers()),
        HERE / "architecture.md": _put(HERE / "architecture.md", _MAP_BEGINS, "".join(_map())),
        HERE / "troubleshooting.md": _put(HERE / "troubleshooting.md", _CHECKS_BEGIN, "".join(_checks())),
        HERE / "security.md": _put(HERE / "security.md", _TABLE_BEGINS, source_table()),
        HERE.parent / "togetherctl" / "cli" / PAGES: _help_pages(),
        HERE.parent / "packaging" / "kubectl-together_login": PLUGIN_SCRIPT,
        HERE.parent / "profiles" / "config.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        HERE.parent / "profiles" / "preset.schema.json": json.dumps(preset_schema(), indent=2) + "\n",
    }


def _commands() -> Iterator[str]:
    yield "# Commands\n\nWhat `--help` says of each. `-v`, anywhere, shows what is asked of issuers.\n"
    for words, command, context in [
        *_walk(root, "togetherctl", None),
        (PLUGIN, plugin, _context(plugin, PLUGIN, None)),
    ]:
        context.terminal_width = context.max_content_width = 88
        yield f"\n## {words}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


def help_contexts() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command of both programs, with the words that call it and what it is called in."""
    yield from _walk(root, "togetherctl", None)
    plugged = _context(plugin, PLUGIN, None)
    yield PLUGIN, plugin, plugged
    for name in plugin.list_commands(plugged):
        verb = plugin.get_command(plugged, name)
        if verb is not None:
            yield f"{PLUGIN} {name}", verb, _context(verb, name, plugged)


def _help_pages() -> str:
    made = "".join(record(*each) for each in help_contexts())
    return f"Made from the commands by `make docs`; change it there.{made}\n"


def verbs(command: click.Command, words: str) -> Iterator[tuple[str, click.Command]]:
    """Every command of the tree, with the words that call it."""
    yield from ((words, verb) for words, verb, _ in _walk(command, words, None))


def _walk(
    command: click.Command, words: str, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = _context(command, words.rpartition(" ")[2], parent)
    yield words, command, context
    if isinstance(command, LazyGroup):
        for name in command.list_commands(context):
            verb = command.get_command(context, name)
            if verb is not None:
                yield from _walk(verb, f"{words} {name}", context)


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(command, info_name=name, parent=parent, help_option_names=["-h", "--help"])


def _configuration() -> Iterator[str]:
    yield (
        "# The configuration: config.toml\n\n"
        "`togetherctl config path` says where it is. Names match `[A-Za-z0-9][A-Za-z0-9._@-]{0,62}`; relative paths "
        "are taken from the configuration's folder, and `~` is your home. Unknown keys are refused. An example is "
        "[profiles/example.toml](../../profiles/example.toml), a JSON Schema "
        "[profiles/config.schema.json](../../profiles/config.schema.json).\n"
    )
    describe(models)
    for title, model in (
        ("The file itself", ConfigTable),
        ("[issuers.NAME]", IssuerTable),
        ("[profiles.NAME]", ProfileTable),
        ("[clusters.NAME]", ClusterTable),
        ("[bundles.NAME]", BundleTable),
        ("[agent]", AgentTable),
    ):
        yield f"\n## {title}\n\n{model.__doc__}\n\n| key | default | meaning |\n|---|---|---|\n"
        yield from _keys(model)


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.is_required():
            default = "required"
        else:
            value = field.get_default(call_default_factory=True)
            default = f"`{json.dumps(value)}`" if value not in (None, {}) and not isinstance(value, BaseModel) else ""
        meaning = " ".join((field.description or "").split())
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if len(choices) > 1:
            meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
        yield f"| `{name}` | {default} | {meaning} |\n"


def _environment() -> Iterator[str]:
    yield (
        "# Environment variables\n\n"
        "What is typed on the command line overrides them; they override the configuration.\n\n"
        "| variable | meaning |\n|---|---|\n"
    )
    yield from (f"| `{variable.name}` | {variable.meaning} |\n" for variable in VARIABLES)


def _exit_codes() -> Iterator[str]:
    yield "# Exit codes\n\n| exit | meaning |\n|---|---|\n"
    yield from (f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())


def _providers() -> Iterator[str]:
    yield (
        "# Identity providers, one by one\n\n"
        "What to register at your provider, and what to know of it. `togetherctl issuer presets NAME` says the same, "
        "and `togetherctl issuer check URL` looks at yours.\n\n"
        "`(not certain)` marks what was reported elsewhere or is likely, and not read in the provider's code or "
        "documents. A provider that is not here works too, if it does OpenID Connect with authorization codes and "
        "PKCE; register a public client with the redirect URIs `http://localhost:8000` and `http://localhost:18000`.\n\n"
        "The provider is recognised by the issuer's URL. Where only its metadata tells, adding the issuer writes "
        "`preset` into the configuration.\n\n"
        "| preset | provider | issuer |\n|---|---|---|\n"
    )
    presets = [(name, preset) for name in preset_names() if (preset := find_preset(name, ""))]
    for name, preset in presets:
        yield f"| `{name}` | [{preset.title}](#{_anchor(preset.title)}) | `{preset.issuer_example}` |\n"
    for name, preset in presets:
        yield f"\n## {preset.title}\n\n```toml\n{example(name, preset)}```\n\n"
        for part in parts(preset):
            if len(part.paragraphs) == 1:
                yield f"- **{part.heading}**: {part.paragraphs[0]}\n"
            else:
                yield f"- **{part.heading}**:\n" + "".join(f"  - {text}\n" for text in part.paragraphs)


def _put(path: Path, begins: str, made: str) -> str:
    """The page `path` with `made` as its generated part; the rest of the page is written by hand."""
    head, _, rest = path.read_text(encoding="utf-8").partition(begins)
    return head + begins + made + _ENDS + rest.partition(_ENDS)[2]


def _map() -> Iterator[str]:
    """Every module with the first line of its docstring, room by room."""
    package = HERE.parent / "togetherctl"
    for floor in ("", *FLOORS):
        rooms = [package / floor, *sorted(path.parent for path in (package / floor).rglob("*/__init__.py"))]
        for room in rooms if floor else rooms[:1]:
            name = room.relative_to(package.parent).as_posix()
            yield f"\n### {name}/\n\n{_first_line(room / '__init__.py')}\n\n| file | what it does |\n|---|---|\n"
            for path in sorted(room.glob("*.py")):
                if path.name != "__init__.py":
                    yield f"| `{path.relative_to(package).as_posix()}` | {_first_line(path).rstrip('.')} |\n"


def _first_line(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


def _checks() -> Iterator[str]:
    """An entry for each check of doctor, area by area."""
    for area, checks in groupby(find_checks(), lambda check: check.area):
        yield f"\n### {area.capitalize()}\n"
        for check in checks:
            offline = "; `--offline` leaves it out" if check.network else ""
            yield (
                f"\n#### {check.title}: `{check.name}`\n\n"
                f"- **You see**: {'; '.join(check.signs)}\n"
                f"- **It means**: {check.means}\n"
                f"- **It helps**: {check.helps}\n"
                f"- **Doctor looks**: {_HOW_OFTEN[check.each]}{offline}\n"
            )


def source_table() -> str:
    """What each source may set, from the rule itself."""
    lines = [
        "| what | you | Together AI's API | a kubeconfig | a bundle that is a file | a bundle at an address |",
        "|---|---|---|---|---|---|",
    ]
    for power in POWERS:
        some = {source: f"{power.some}; else {otherwise}" for source, otherwise in _ELSE.items()}
        if power.what == "certificate authorities":
            some["kubeconfig"] = f"{power.some}; else the cluster is not taken"
        cells = [
            "yes",
            power.together.value,
            some["kubeconfig"] if power.kubeconfig is Verdict.SOME else power.kubeconfig.value,
            some["bundle"] if power.bundle is Verdict.SOME else power.bundle.value,
            some["bundle"] if power.from_address is Verdict.SOME else power.from_address.value,
        ]
        lines.append(f"| {power.what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _anchor(title: str) -> str:
    """Where a heading's link leads."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        click.echo(f"wrote {path.relative_to(HERE.parent)}")
