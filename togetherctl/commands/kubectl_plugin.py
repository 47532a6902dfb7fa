"""`kubectl together-login`: kubelogin's commands, under the name that kubectl looks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from togetherctl.cli.console import put
from togetherctl.cli.lazy import Lazy, LazyGroup

_HERE = "togetherctl.commands"

VERBS = {
    "get-token": Lazy(f"{_HERE}.get_token", "Print a credential for kubectl (kubectl runs this)."),
    "setup": Lazy(f"{_HERE}.setup", "Log in, and show how to make an API server accept that token."),
    "clean": Lazy(f"{_HERE}.clean", "Delete the token cache.", removes=True),
    "version": Lazy(f"{_HERE}.version", "Show which togetherctl this is."),
    "help": Lazy(f"{_HERE}.help", "Show the help of a command."),
}
# What runs without a command.
ALONE = Lazy(f"{_HERE}.standalone", "Log in, and write the tokens into the kubeconfig.")
_OWN = frozenset({"-h", "--help", "--version"})


class PluginGroup(LazyGroup):
    """A group that is a command itself where none of its own is named: what is typed is that command's then."""

    # The flags of that command, for completion.
    flags_alone = "standalone"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(_skip_log_flags(args))
        # A command that does not exist is said as that.
        if words and (words[0] in _OWN or not words[0].startswith("-")):
            return super().parse_args(ctx, words)
        ctx.meta[__name__] = words
        return super().parse_args(ctx, [])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        from togetherctl.cli.kubelogin_flags import list_flags

        # These come after the commands, which are listed with the options above.
        for title, rows in list_flags("standalone"):
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        words = ctx.meta.get(__name__)
        if words is None:
            return super().invoke(ctx)
        alone = ALONE.load()
        with alone.make_context(None, words, parent=ctx) as within:
            return alone.invoke(within)


def _skip_log_flags(args: list[str]) -> Iterator[str]:
    """The arguments without flags of the log before them, which pflag takes in any place."""
    if not args or not args[0].startswith("--"):
        yield from args
        return
    from togetherctl.kubelogin.flag_table import LOG_SWITCHES, LOG_VALUES

    words = iter(args)
    for word in words:
        name, sign, _ = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in LOG_SWITCHES | LOG_VALUES:
            yield word
            yield from words
            return
        if name in LOG_VALUES and not sign:
            next(words, None)


@click.command(
    cls=PluginGroup,
    lazy=VERBS,
    examples=["togetherctl", "togetherctl --context lab", "togetherctl get-token --help"],
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="togetherctl", message="togetherctl %(version)s")
@click.pass_context
def plugin(context: click.Context) -> None:
    """Log in to Kubernetes clusters through OpenID Connect, with kubelogin's commands and flags.

    This is togetherctl under the name kubectl looks for, so that kubeconfigs written for together-kubelogin go on
    working. `togetherctl --help` shows what else it can do.

    Without a command it logs in the user of the kubeconfig's current context, if that has `auth-provider: oidc`, and
    writes the tokens into the kubeconfig.
    """
    if context.invoked_subcommand is None:
        put(context.get_help())
