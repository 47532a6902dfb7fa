"""Print what an import took, wrote and proved, or would write, as one record for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from togetherctl.cli.output import Item, failure_record, show_list, show_record
from togetherctl.commands.login import login_record
from togetherctl.usecases.import_clusters import current_name

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.commands.importing.import_clusters import Taken
    from togetherctl.usecases.ask_clusters import ClusterAnswer
    from togetherctl.usecases.import_clusters import Preview
    from togetherctl.usecases.log_in_and_out import LoginResult


def show_taken(
    app: App,
    taken: Taken,
    logins: Sequence[LoginResult] | None = None,
    answers: Mapping[str, ClusterAnswer] | None = None,
) -> None:
    """What was done, or would be; people have been told. `answers` are those of the clusters, by their names.

    Without a kubeconfig that is written, none is read: no context is known.
    """
    if app.output == "table":
        return
    shown, done = taken.shown, taken.done
    plan, written = shown.plan, done.written if done else shown.written
    writes = taken.kubeconfig.write
    if app.output == "name":
        show_list(app, [{"name": name} for name in (plan.clusters if writes else plan.profiles)], {}, name="name")
        return
    contexts = dict(zip(plan.clusters, written.contexts if written else (), strict=False))
    now = current_name(app.world, taken.kubeconfig.kubeconfig) if writes else None
    item = {
        "dry_run": done is None,
        "profiles": plan.profiles,
        "issuers": list(dict.fromkeys(shown.config.table.profiles[name].issuer for name in plan.profiles)),
        "clusters": [_cluster_record(shown, name, contexts, answers) for name in plan.clusters],
        "files": [str(path) for path in (done or shown).files],
        "current_context": (written.current if written else None) or now,
        "logins": None if logins is None else [login_record(app, one) for one in logins],
        "difference": taken.difference if done is None else None,
    }
    show_record(app, item, name="profiles")


def _cluster_record(
    shown: Preview, name: str, contexts: Mapping[str, str], answers: Mapping[str, ClusterAnswer] | None
) -> Item:
    one = answers[name] if answers is not None else None
    return {
        "cluster": name,
        "profile": shown.config.table.clusters[name].profile,
        "context": contexts.get(name),
        "username": one.view.username if one and one.view else None,
        "groups": list(one.view.groups) if one and one.view else [],
        "error": failure_record(one.error, one.error.message) if one and one.error else None,
    }
