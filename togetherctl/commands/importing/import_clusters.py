"""Run an import from start to end: gather, choose, show the difference, ask, and write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import click

from togetherctl.cli.app import App
from togetherctl.cli.console import put, tell
from togetherctl.cli.prompts import PromptChoice
from togetherctl.commands.importing.choose import choose
from togetherctl.commands.importing.gather import gather, keep
from togetherctl.commands.importing.run import ImportRun
from togetherctl.errors import ExitCode
from togetherctl.importing.merge import KINDS
from togetherctl.paths import tilde
from togetherctl.usecases.difference import readable_difference
from togetherctl.usecases.import_clusters import (
    Import,
    Imported,
    KubeconfigOptions,
    Preview,
    current_name,
    join,
    preview,
)

_MOST_NAMES = 6
_MOST_HOSTS = 12
# A list that still fits on a screen.
_MOST_CHOICES = 15


@dataclass(frozen=True)
class Taken:
    """An import as it was shown, and what it did: `done` is None where nothing was to be written."""

    shown: Preview
    kubeconfig: KubeconfigOptions
    done: Imported | None

    @property
    def difference(self) -> str:
        """What changes, without secrets, safe to show."""
        return "\n".join(readable_difference(self.shown.diff()))


def import_clusters(run: ImportRun, kubeconfig: KubeconfigOptions) -> Taken:
    """Import what the run's sources offer.

    Raises TogetherctlError, and click's Exit where the person says no.
    """
    app = run.app
    with _nothing_written():
        gathered = gather(run)
        importing = choose(run, gathered, kubeconfig)
        kubeconfig = _with_current(run, importing, kubeconfig)
        shown = preview(app.world, importing, kubeconfig)
    said = [*_summary(app, shown, kubeconfig), *_copied(run, shown), *shown.plan.lines()]
    said += _new_hosts(shown.importing)
    for warning in shown.written.warnings if shown.written else ():
        app.console.warn(warning)
    if run.given.dry_run:
        planned = Taken(shown, kubeconfig, None)
        if app.output == "table" and planned.difference:
            put(planned.difference)
        for line in said:
            app.console.say(line)
        what = " and ".join(tilde(file, app.environ) for file in shown.files)
        app.console.say(f"Nothing was written; {what} would change as shown." if what else "Nothing would change.")
        return planned
    if shown.changes_nothing:
        both = "Your configuration and your kubeconfig have" if kubeconfig.write else "Your configuration has"
        for line in said:
            app.console.say(line)
        app.console.say(f"{both} all of this already.")
    else:
        with _nothing_written():
            app.confirm_write(said, shown.diff(), yes=run.given.yes)
    done = join(app.world, shown, kubeconfig)
    app.world, written = done.world, done.written
    # A bundle is remembered in the configuration even where it brings nothing.
    if done.files and not shown.changes_nothing:
        app.console.say(f"Wrote {' and '.join(tilde(file, app.environ) for file in done.files)}.")
    for line in [*done.left, *(written.notes if written else [])]:
        app.console.say(line)
    keep(app, gathered.api_key)
    return Taken(shown, kubeconfig, done)


@contextmanager
def _nothing_written() -> Iterator[None]:
    """Say at Ctrl-C what the person wants to know first. Raises click's Exit."""
    try:
        yield
    except KeyboardInterrupt:
        tell("interrupted; nothing was written")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None


def _with_current(run: ImportRun, importing: Import, kubeconfig: KubeconfigOptions) -> KubeconfigOptions:
    """A cluster that is alone becomes the current context where there is none, of several the one that is chosen."""
    clusters = importing.plan.clusters
    if not kubeconfig.write or kubeconfig.set_current or not clusters:
        return kubeconfig
    if current_name(run.app.world, kubeconfig.kubeconfig):
        return kubeconfig
    if len(clusters) == 1:
        question = f"kubectl has no current context yet. Make {clusters[0]} the current one?"
        return replace(kubeconfig, set_current=run.asking is None or run.asking.yes(question))
    if run.asking is None or len(clusters) > _MOST_CHOICES:
        return kubeconfig
    answers = [PromptChoice(name, value=name) for name in clusters]
    question = "Which cluster should be the current context of kubectl?"
    chosen = run.asking.one(question, [*answers, PromptChoice("None of them", value="")])
    return replace(kubeconfig, set_current=bool(chosen), current=chosen or None)


def _new_hosts(importing: Import) -> Iterator[str]:
    """The hosts that writing agrees to, a line each; those that were agreed to by name are not said again."""
    hosts = importing.other_hosts
    for host in hosts[:_MOST_HOSTS]:
        yield f"New host: {host.sentence}."
    if len(hosts) > _MOST_HOSTS:
        yield f"New hosts: {', '.join(host.host for host in hosts[_MOST_HOSTS:])}"


def _summary(app: App, shown: Preview, kubeconfig: KubeconfigOptions) -> Iterator[str]:
    """A line for the configuration and one for each kubeconfig that changes."""
    added = shown.plan.added
    new = [_count(kind, [name for of, name in added if of == kind]) for kind in KINDS]
    if added:
        yield f"{tilde(app.world.paths.config, app.environ)}: new {', '.join(part for part in new if part)}"
    for change in shown.written.changed if shown.written else ():
        contexts = shown.written.contexts if shown.written else []
        current = f"; {kubeconfig.current or 'it'} becomes the current one" if kubeconfig.set_current else ""
        yield f"{tilde(change.path, app.environ)}: {_count('context', contexts)}{current}"


def _copied(run: ImportRun, shown: Preview) -> Iterator[str]:
    """A line for each CA file of the person whose certificates the configuration holds from now on."""
    held = {table.get("ca_data") for table in shown.plan.added.values()}
    for ca_data, path in run.copied.items():
        if ca_data in held:
            yield f"{tilde(path, run.app.environ)} is copied into the configuration; the file is not needed later."


def _count(kind: str, names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{len(names)} {kind}s"
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""
