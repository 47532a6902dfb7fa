"""Whether kubectl uses another credential in place of ours: a token or certificate beside it, or another user."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding
from togetherctl.kube.entries import owner_of
from togetherctl.kube.ownership import EntryInFile, all_entries, current_context
from togetherctl.usecases.kubeconfig_state import KubeconfigEntries

# client-go asks no plugin where a user has one of these (UpdateTransportConfig of plugin/pkg/client/auth/exec).
_INSTEAD = {
    "token": "a static token",
    "tokenFile": "a file with a token",
    "client-certificate": "a client certificate",
    "client-certificate-data": "a client certificate",
    "username": "a user name and password",
}


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    files = facts.kubeconfigs()
    found = False
    for user in all_entries(files, "users"):
        if owner_of("users", user.entry) is None or not user.body.get("exec"):
            continue
        for key in filter(user.body.get, _INSTEAD):
            found = True
            yield Finding(
                "failed",
                f"it also has {_INSTEAD[key]}, which kubectl sends; togetherctl is never asked",
                run("kubectl", "config", "unset", f"users.{user.name}.{key}"),
                subject=f"user {user.name}",
                exit_code=ExitCode.KUBECONFIG,
            )
    for finding in [] if facts.trouble else _look_at_current(facts):
        found = True
        yield finding
    if not found:
        yield Finding("ok", "no static token and no client certificate stands in the way")


def _others(user: EntryInFile) -> str:
    """The credentials of a user that are no plugin's, in words."""
    return " and ".join(dict.fromkeys(word for key, word in _INSTEAD.items() if user.body.get(key)))


def _look_at_current(facts: Facts) -> Iterator[Finding]:
    """The current context, where it opens a cluster of ours as a user with another credential."""
    files = facts.kubeconfigs()
    entries = KubeconfigEntries(files, facts.config, facts.world.environ)
    current = current_context(files)
    context = entries.named("contexts", current[1]) if current else None
    user = entries.used_by(context, "users") if context else None
    cluster = entries.used_by(context, "clusters") if context else None
    if context is None or user is None or cluster is None or owner_of("users", user.entry) is not None:
        return
    words = _others(user)
    ours = next((one for one in facts.clusters if one.server == cluster.word("server")), None)
    if words and ours is not None:
        yield Finding(
            "warning",
            f"the current context opens cluster {ours.name} with {words} of user {user.name}, and not with togetherctl",
            run("togetherctl", "use", ours.name),
            subject=f"context {context.name}",
        )


CHECK = Check(
    name="kubeconfig-other-credentials",
    area="kubeconfig",
    title="Other credentials beside togetherctl's",
    each="machine",
    examine=_examine,
    signs=(
        "`You must be logged in to the server (Unauthorized)` although `togetherctl whoami` says who you are",
        "the cluster takes you for another person or a service account",
    ),
    means="Where a user of the kubeconfig has a token or a client certificate beside its plugin, kubectl sends that "
    "and never runs the plugin. Or the current context opens the cluster as another user.",
    helps="Take the token or the certificate out of the user, or choose the context of togetherctl: `togetherctl use "
    "CLUSTER`.",
    place=50,
)
