"""Load a verb only when it is called: groups that know their verbs by name, and verbs whose help has examples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from togetherctl.cli.console import put

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Lazy(NamedTuple):
    """A verb: where it is, as `module` or `module:name` (`command` where no name is given), and its line in the help.

    With `kind`, the name is that of a function which makes the verb for that kind of entry. `removes`: it takes
    something away, so no typo of another word may lead to it.
    """

    place: str
    summary: str
    kind: str | None = None
    removes: bool = False

    def load(self) -> click.Command:
        """Import the verb."""
        module, _, name = self.place.partition(":")
        found = getattr(import_module(module), name or "command")
        command: click.Command = found(self.kind) if self.kind else found
        return command


class Command(click.Command):
    """A verb whose help ends with its examples.

    An example is a command line that works as it stands, with `  # ` and a few words where it does not speak for
    itself. A test runs each of them.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        write_examples(ctx, formatter, self.examples)


def write_examples(ctx: click.Context, formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """The examples as the last part of a help text: the lines as they are typed, what they are for in a column."""
    if not examples:
        return
    program = ctx.find_root().info_name or "togetherctl"
    parts = [re.sub(r"\btogetherctl\b", program, example).partition("  # ") for example in examples]
    width = max((len(typed) for typed, _, words in parts if words), default=0)
    formatter.write("\nExamples:\n")
    for typed, _, words in parts:
        line = f"{typed:<{width}}  # {words}" if words else typed
        formatter.write("".join(f"  {part}\n" for part in line.splitlines()))


class LazyGroup(click.Group):
    """A group whose help text is complete before any verb is loaded."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self.lazy.get(cmd_name)
        return verb.load() if verb else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        from click.shell_completion import CompletionItem

        verbs = self.lazy.items()
        return [
            *(CompletionItem(name, help=verb.summary) for name, verb in verbs if name.startswith(incomplete)),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in self.lazy.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        write_examples(ctx, formatter, self.examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            # A group without a verb shows its help, as in kubectl.
            put(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            # The parser does not say whose option it could not read; the innermost group knows.
            verb = self.get_command(ctx, ctx.invoked_subcommand or "")
            if error.ctx is None and verb is not None:
                error.ctx = click.Context(verb, parent=ctx, info_name=ctx.invoked_subcommand)
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word, *rest = args
        if word in self.lazy or word.startswith("-"):
            return super().resolve_command(ctx, args)
        from togetherctl.cli.mistyped import ALIASES, no_command

        if word == "help" and ctx.parent is not None:
            return self._help_within(ctx, rest)
        alias = ALIASES.get(word)
        if alias is None or alias not in self.lazy:
            raise no_command(ctx, word, {name: verb.removes for name, verb in self.lazy.items()})
        return super().resolve_command(ctx, [alias, *rest])

    def _help_within(self, ctx: click.Context, words: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """`profile help add` is `help profile add`."""
        root = ctx.find_root()
        within = [*ctx.command_path.removeprefix(root.command_path).split(), *words]
        verb = root.command.get_command(root, "help") if isinstance(root.command, click.Group) else None
        return "help", verb, within
