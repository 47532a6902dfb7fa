"""Commands that take kubelogin's flags: sort them from our options, and show them in the help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from togetherctl.cli.lazy import Command as HouseCommand
from togetherctl.errors import UsageError, run

if TYPE_CHECKING:
    from togetherctl.kubelogin.flag_table import Command, Flag
    from togetherctl.kubelogin.flags import Flags

_LOG = (
    "--logtostderr, --log_dir, …",
    "The other flags of kubelogin's log are accepted and do nothing: togetherctl logs to stderr alone.",
)

_TAKES = {
    "oidc-issuer-url": "URL",
    "oidc-redirect-url": "URL",
    "open-url-after-authentication": "URL",
    "oidc-redirect-url-hostname": "HOST",
    "oidc-extra-scope": "SCOPE[,SCOPE]",
    "listen-address": "HOST:PORT[,HOST:PORT]",
    "token-cache-dir": "DIR",
    "browser-command": "PROGRAM",
    "local-server-cert": "FILE",
    "local-server-key": "FILE",
    "certificate-authority": "FILE",
    "certificate-authority-data": "BASE64",
    "kubeconfig": "FILE",
}


class FlagsCommand(HouseCommand):
    """A command with options of our own and the flags kubelogin has for the command `takes`.

    Its function gets `flags`: what was given of kubelogin's, None where that was nothing. Nothing of kubelogin's is
    loaded then.
    """

    def __init__(self, *args: Any, takes: Command, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.takes = takes

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, others = self._sort(ctx, args)
        rest = super().parse_args(ctx, own)
        # While a line is being typed, its flags need not be right yet.
        ctx.params["flags"] = self._parse(ctx, others) if others and not ctx.resilient_parsing else None
        return rest

    def _parse(self, ctx: click.Context, words: Sequence[str]) -> Flags:
        from togetherctl.kubelogin.flags import parse

        try:
            return parse(words, self.takes)
        except UsageError as error:
            error.remedy = error.remedy or run(*ctx.command_path.split(), "--help")
            raise

    def _sort(self, ctx: click.Context, args: Sequence[str]) -> tuple[list[str], list[str]]:
        options = {name: option for option in self.get_params(ctx) for name in option.opts}
        own, others = list[str](), list[str]()
        words = iter(args)
        for word in words:
            name = word.partition("=")[0] if word.startswith("--") else word[:2]
            option = options.get(name)
            if option is not None:
                own.append(word)
                takes_value = isinstance(option, click.Option) and not option.is_flag and not option.count
                own += islice(words, int(takes_value and word == name))
            elif word and not word.startswith("-") and not own + others and "--profile" in options:
                raise _not_a_flag(ctx, word)
            else:
                others.append(word)
                others += islice(words, int(self._takes_value(word)))
        return own, others

    def _takes_value(self, word: str) -> bool:
        """Whether the next word is the value of this one, so that it is no option of ours, whatever it looks like."""
        from togetherctl.kubelogin.flag_table import LOG_VALUES, flags_of

        name = word.removeprefix("--")
        flag = flags_of(self.takes).get(name)
        return word.startswith("--") and (name in LOG_VALUES or (flag is not None and flag.kind != "switch"))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        for title, rows in list_flags(self.takes):
            with formatter.section(title):
                formatter.write_dl(rows)


def _not_a_flag(ctx: click.Context, word: str) -> UsageError:
    from togetherctl.cli.app import App
    from togetherctl.cli.mistyped import not_a_flag
    from togetherctl.config.files import list_names

    return not_a_flag(ctx, word, list_names(ctx.ensure_object(App).world.paths.config, "profile"))


def refuse_flags_beside_profile(name: str | None, flags: Flags | None) -> None:
    """Raises UsageError for flags of what the profile called `name` says already."""
    for flag in flags.typed if flags is not None and name is not None else ():
        if flag != "force-refresh":
            raise UsageError(f"--profile already sets what --{flag} sets; give one of them")


def list_flags(command: Command) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The flags of kubelogin for a help text: by group, each with what it takes and what it means."""
    from togetherctl.kubelogin.flag_table import flags_of

    groups: dict[str, list[tuple[str, str]]] = {}
    for flag in flags_of(command).values():
        meaning = f"Old: kubelogin has {flag.old} instead. {flag.meaning}" if flag.old else flag.meaning
        groups.setdefault(flag.group, []).append((_spell(flag), meaning))
    for group, rows in groups.items():
        yield f"kubelogin's flags: {group}", rows
    yield "kubelogin's flags: Log", [("-v, --v N", "Show what is asked of issuers, without secrets."), _LOG]


def _spell(flag: Flag) -> str:
    if flag.choices:
        return f"--{flag.name} [{'|'.join(flag.choices)}]"
    return f"--{flag.name} {metavar_of(flag)}".rstrip()


def metavar_of(flag: Flag) -> str:
    """The word for the flag's value in a help text; empty for a switch."""
    return _TAKES.get(flag.name) or {"switch": "", "map": "KEY=VALUE", "number": "N"}.get(flag.kind, "TEXT")
