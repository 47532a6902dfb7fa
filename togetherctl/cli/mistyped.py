"""Say what is wrong with a command line, and what the words of other tools are called here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

import click

from togetherctl.errors import Remedy, UsageError, run

# What people type who know gh, kubectl and a shell. These work, and no help text shows them.
ALIASES = {
    "ls": "list",
    "rm": "remove",
    "delete": "remove",
    "mv": "rename",
    "create": "add",
    "new": "add",
    "get": "show",
    "describe": "show",
}
# Nearer than a verb that changes nothing has to be: a typo must not lead to what takes things away.
_NEAR, _VERY_NEAR = 0.6, 0.85

_EDITS = Remedy("set changes its keys; togetherctl config edit opens the whole configuration in your editor")
_REMOVES = Remedy("say of what: togetherctl cluster remove NAME, or profile, or issuer")
_SHOWS = Remedy("say of what: togetherctl profile show NAME, or cluster, or issuer")
_CHANGES = Remedy("say of what: togetherctl profile set NAME KEY=VALUE, or cluster, or issuer")
_RENAMES = Remedy("say of what: togetherctl cluster rename OLD NEW, or profile, or issuer")
_ADDS = run(
    "togetherctl", "init", words="init takes clusters from what you have; profile add and cluster add make single ones"
)
_LOOKS = run("togetherctl", "doctor")
_STATUS = run("togetherctl", "status")
# By the group, then by the word that is typed there.
ELSEWHERE: Mapping[str, Mapping[str, Remedy]] = {
    "togetherctl": {
        "list": run("togetherctl", "cluster", "list", words="profile, issuer and cluster have a list each"),
        "show": _SHOWS,
        "remove": _REMOVES,
        "set": _CHANGES,
        "unset": _CHANGES,
        "rename": _RENAMES,
        "add": _ADDS,
        "import": _ADDS,
        "edit": run("togetherctl", "config", "edit"),
        "export": run("togetherctl", "profile", "export"),
        "validate": run("togetherctl", "config", "validate"),
        "convert": run("togetherctl", "kubeconfig", "convert"),
        "migrate": run("togetherctl", "kubeconfig", "convert"),
        "write": run("togetherctl", "kubeconfig", "write"),
        "presets": run("togetherctl", "issuer", "presets"),
        "providers": run("togetherctl", "issuer", "presets"),
        "secret": Remedy("togetherctl profile secret NAME keeps a client secret in the keyring"),
        "update": Remedy("togetherctl profile update takes newer bundles; pipx upgrade togetherctl is for the program"),
        "upgrade": Remedy("pipx upgrade togetherctl, or uv tool upgrade togetherctl"),
        "token": Remedy("togetherctl get-token --profile NAME prints a credential"),
        "credential": Remedy("togetherctl get-token --profile NAME prints a credential"),
        "current": _STATUS,
        "current-context": _STATUS,
        "context": _STATUS,
        "contexts": _STATUS,
        "sessions": _STATUS,
        "info": _STATUS,
        "check": _LOOKS,
        "debug": _LOOKS,
        "diagnose": _LOOKS,
        "test": _LOOKS,
        "diagnostics": _LOOKS,
        "troubleshoot": _LOOKS,
        "repair": _LOOKS,
        "fix": run("togetherctl", "doctor", "--fix"),
        "switch": Remedy("togetherctl use CLUSTER"),
        "ctx": Remedy("togetherctl use CLUSTER"),
        "use-context": Remedy("togetherctl use CLUSTER"),
        "set-context": Remedy("togetherctl use CLUSTER"),
        "auth": run("togetherctl", "login"),
        "authenticate": run("togetherctl", "login"),
        "signin": run("togetherctl", "login"),
        "sign-in": run("togetherctl", "login"),
        "signout": Remedy("togetherctl logout"),
        "sign-out": Remedy("togetherctl logout"),
    },
    "profile": {
        "edit": _EDITS,
        "use": Remedy("togetherctl config set default_profile=NAME makes it the one that commands use"),
        "check": Remedy("togetherctl whoami NAME"),
    },
    "cluster": {
        "edit": _EDITS,
        "write": Remedy("togetherctl kubeconfig write NAME"),
        "import": run("togetherctl", "init"),
        "check": Remedy("togetherctl whoami --cluster NAME"),
        "export": run("togetherctl", "profile", "export"),
    },
    "issuer": {"edit": _EDITS, "test": Remedy("togetherctl issuer check NAME")},
    "kubeconfig": {
        "list": run("togetherctl", "kubeconfig", "show"),
        "export": run("togetherctl", "kubeconfig", "show"),
        "revert": run("togetherctl", "kubeconfig", "convert", "--revert"),
        "add": run("togetherctl", "kubeconfig", "write"),
    },
    "config": {
        "list": run("togetherctl", "config", "show"),
        "view": run("togetherctl", "config", "show"),
        "unset": Remedy("togetherctl config set KEY= takes a key away"),
    },
}
_FORMS = {"--json": "json", "--yaml": "yaml", "--format": "json", "--quiet": "name", "-q": "name"}


def no_command(ctx: click.Context, name: str, verbs: Mapping[str, bool]) -> UsageError:
    """The error for a word that is none of the group's `verbs`, with what comes next to what was meant.

    Each verb comes with whether it takes something away.
    """
    said = f"there is no command {name}"
    top = ctx.find_root()
    elsewhere = ELSEWHERE.get((ctx.info_name or "") if ctx.parent else top.info_name or "", {})
    remedy = elsewhere.get(ALIASES.get(name, name))
    if (
        remedy is None
        and ctx.parent
        and isinstance(top.command, click.Group)
        and name in top.command.list_commands(top)
    ):
        remedy = Remedy(f"it stands alone: {top.info_name} {name}")
    if remedy is not None:
        return UsageError(said, hint=remedy)
    near = next((verb for verb in near_verbs(name, verbs)), None)
    return UsageError(f"{said}; did you mean {near}?" if near else said, hint=_see_help(ctx))


def near_verbs(name: str, verbs: Mapping[str, bool]) -> list[str]:
    """The verbs that were likely meant, nearest first; those that take something away only for an obvious typo."""
    very = get_close_matches(name, verbs, n=1, cutoff=_VERY_NEAR)
    return very or [verb for verb in get_close_matches(name, verbs, n=3, cutoff=_NEAR) if not verbs[verb]]


def explain(error: click.UsageError) -> UsageError:
    """What the parser could not read, in one clear sentence."""
    ctx = error.ctx
    message = error.format_message()
    message = message[:1].lower() + message[1:].rstrip(".")
    parameter = getattr(error, "param", None)
    choices = parameter.type.choices if parameter and isinstance(parameter.type, click.Choice) else ()
    if isinstance(error, click.NoSuchOption) and error.option_name in _FORMS and ctx and _has_forms(ctx.command):
        message = f"there is no {error.option_name}; did you mean -o {_FORMS[error.option_name]}?"
    elif isinstance(error, click.MissingParameter) and choices:
        message = f"an argument is missing: {_either(choices)}"
    elif isinstance(error, click.MissingParameter) and isinstance(parameter, click.Argument):
        message = f"{parameter.make_metavar(ctx or click.Context(click.Command(None)))} is missing"
    return UsageError(message, hint=_see_help(ctx))


def _has_forms(command: click.Command) -> bool:
    return any("--output" in parameter.opts for parameter in command.params)


def _either(words: object) -> str:
    *first, last = map(str, words)  # type: ignore[call-overload] # the choices of any type
    return f"{', '.join(first)} or {last}"


def _see_help(ctx: click.Context | None) -> Remedy:
    path = (ctx.command_path if ctx else "togetherctl").split()
    return Remedy(command=(*path, "--help"))


def not_a_flag(ctx: click.Context, word: str, profiles: Collection[str]) -> UsageError:
    """The error for a word where a flag names the profile. It may be a secret: only a profile's name is shown."""
    name = word if word in profiles else "NAME"
    return UsageError(f"a profile is named by a flag here; did you mean --profile {name}?", hint=_see_help(ctx))
