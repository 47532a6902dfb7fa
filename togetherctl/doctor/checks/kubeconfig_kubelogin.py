"""Whether users of the kubeconfig still log in by kubelogin and could be converted."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import run
from togetherctl.finding import Finding
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.merged_kubeconfig import Kubeconfigs


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    kubeconfigs = Kubeconfigs([file.path for file in facts.kubeconfigs()])
    stanzas, providers = kubeconfigs.stanzas(), kubeconfigs.providers()
    convert = run("togetherctl", "kubeconfig", "convert", *(["--all"] if len(stanzas) > 1 else []))
    for where, stanza in stanzas.items():
        if stanza.program == PLUGIN:
            message = f"it runs {PLUGIN}, whose flags are in the kubeconfig; the configuration can have them"
            yield Finding("ok", message, convert, subject=f"user {where.name}")
        else:
            yield Finding(
                "warning",
                f"it runs {stanza.program}, which has sessions of its own: a login with togetherctl does not help here",
                convert,
                subject=f"user {where.name}",
            )
    for where in providers:
        yield Finding(
            "warning",
            "it logs in by auth-provider: oidc, which logs in to nothing by itself and no longer works once its "
            "refresh token ends",
            run("togetherctl", "init", where.file),
            subject=f"user {where.name}",
        )
    if not stanzas and not providers:
        yield Finding("ok", "no user of the kubeconfig logs in by kubelogin")


CHECK = Check(
    name="kubeconfig-kubelogin",
    area="kubeconfig",
    title="Users that still log in by kubelogin",
    each="machine",
    examine=_examine,
    signs=(
        "kubectl opens a login although `togetherctl status` shows a valid session",
        '`unknown command "oidc-login" for "kubectl"`',
    ),
    means="Such a user gets its token from another program, with a cache of its own. Logins, refreshes and logouts of "
    "togetherctl do not reach it.",
    helps="`togetherctl kubeconfig convert --all` takes what it says into the configuration and has it call "
    "togetherctl; [converting](converting.md) shows how, and how to go back.",
    place=60,
)
