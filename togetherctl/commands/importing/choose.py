"""Choose the clusters to import, and ask for everything that the plan needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from togetherctl import errors
from togetherctl.cli.app import App
from togetherctl.cli.prompts import PromptChoice, Prompts
from togetherctl.cli.secret_prompts import SecretPrompts
from togetherctl.commands.importing.gather import Gathered
from togetherctl.commands.importing.run import ImportRun
from togetherctl.config import value_checks
from togetherctl.config.validation import nearest
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.importing.bundle import read
from togetherctl.importing.cluster_offer import Offer, Skipped
from togetherctl.importing.fetch import Fetched
from togetherctl.importing.plan import secrets_kept
from togetherctl.importing.secret_place import FORMS, SecretPlace
from togetherctl.importing.trusted_hosts import NewHost, agree
from togetherctl.usecases.import_clusters import (
    Import,
    KubeconfigOptions,
    plan_of_bundle,
    plan_of_offers,
    refuse_too_many,
)

_SAID = 5
# More new logins than these are not asked about one by one.
_MOST_NAMED = 3


def choose(run: ImportRun, gathered: Gathered, kubeconfig: KubeconfigOptions) -> Import:
    """Plan what is imported. Raises UsageError with all that is missing, and TogetherctlError where nothing can be."""
    if run.asking is None and not run.given.yes and not run.given.dry_run:
        run.missing.append("--yes: to write without a question")
    if gathered.bundle is None and not gathered.offers and not gathered.skipped:
        run.raise_if_missing()
    importing = _bundle(run, gathered.bundle) if gathered.bundle else _offers(run, gathered, kubeconfig)
    run.raise_if_missing()
    return importing


def _offers(run: ImportRun, gathered: Gathered, kubeconfig: KubeconfigOptions) -> Import:
    world = run.app.world
    # Where nothing is left, the error says what helps.
    _say_skipped(run, gathered.skipped, with_help=bool(gathered.offers))
    if not gathered.offers:
        raise _nothing(gathered.origins, gathered.skipped)
    typed = SecretPlace.parse(run.given.secret) if run.given.secret else None
    chosen = _choose(run, gathered.offers)
    refuse_too_many(chosen, ", ".join(gathered.origins))
    places = SecretPrompts(run.app, typed)
    offers = run.look_at(_with_secret(run, chosen, typed))
    importing = plan_of_offers(world, offers, kubeconfig, places.of)
    if importing.plan.without_login:
        importing = _log_in(run, importing, kubeconfig)
    plan = importing.plan
    _say_skipped(run, plan.skipped)
    if not plan.clusters and not plan.profiles and not run.missing:
        raise _nothing(gathered.origins, plan.skipped)
    if plan.secrets and not run.given.dry_run:
        if run.asking is None and not typed:
            whose = ", ".join(f"{moved.client_id} at {moved.issuer}" for moved in plan.secrets)
            run.missing.append(f"--secret: where to keep the client secret of {whose}: {FORMS}")
        else:
            places.settle(plan.secrets)
            if not typed:
                importing = plan_of_offers(world, importing.offers, kubeconfig, places.of)
    importing = _name_logins(run, importing, kubeconfig)
    _agree(run, importing)
    return importing


def _with_secret(run: ImportRun, offers: Sequence[Offer], typed: SecretPlace | None) -> Sequence[Offer]:
    """The offers with the client secret of the environment where `--secret env:NAME` says so, and nowhere else.

    Raises UsageError where that could mean several clients.
    """
    environ = run.app.environ
    if typed is None:
        for line in secrets_kept(offers, run.app.world.config.table, environ):
            run.app.console.say(line)
    if typed is None or typed.kind != "env":
        return offers
    able = [offer for offer in offers if offer.issuer and offer.profile]
    wanting = [offer for offer in able if offer.takes_secret or offer.secret] or able
    clients = {(offer.issuer["url"], offer.profile["client_id"]) for offer in wanting if offer.issuer and offer.profile}
    if len(clients) > 1:
        raise UsageError(
            f"{typed.value} holds one client secret, and there are {len(clients)} clients that would take it",
            hint="take them one after the other: --clusters A,B",
        )
    _refuse_another_value(typed, wanting, environ)
    own = {"client_secret": typed.reference(environ)}
    return [
        replace(offer, profile={**offer.profile, **own})
        if offer.profile and not offer.secret and any(offer is one for one in wanting)
        else offer
        for offer in offers
    ]


def _refuse_another_value(typed: SecretPlace, offers: Sequence[Offer], environ: Mapping[str, str]) -> None:
    """Raises UsageError where the variable holds another secret than the source: that is for another issuer."""
    there = environ.get(typed.value)
    if there and any(offer.secret and offer.secret != there for offer in offers):
        raise UsageError(
            f"{typed.value} holds another client secret than the source does",
            hint=f"name a variable that is not set, or keep the source's: --secret {FORMS}",
        )


def _choose(run: ImportRun, offers: Sequence[Offer]) -> Sequence[Offer]:
    names = list(dict.fromkeys(offer.name for offer in offers))
    if run.given.clusters is not None:
        for name in run.given.clusters:
            if name not in names:
                raise UsageError(f"there is no cluster {name} to take{nearest(name, names)}")
        return [offer for offer in offers if offer.name in run.given.clusters]
    if run.asking is None or len(offers) == 1:
        return offers
    width = max(map(len, names))
    return run.asking.several(
        "Which clusters?", [PromptChoice(f"{offer.name:<{width}}  {_server(offer)}", offer) for offer in offers]
    )


def _server(offer: Offer) -> str:
    url = str((offer.cluster or {}).get("server", ""))
    return urlsplit(url).netloc or url


def _log_in(run: ImportRun, importing: Import, kubeconfig: KubeconfigOptions) -> Import:
    """The same with how to log in where the source does not say."""
    open_ones = importing.plan.without_login
    said = ", ".join(open_ones[:_SAID]) + (f" and {len(open_ones) - _SAID} more" if len(open_ones) > _SAID else "")
    login = run.login(said)
    if login is None:
        rest = [offer.name for offer in importing.offers if offer.name not in open_ones]
        if rest:
            run.missing.append(f"--clusters {','.join(rest)}: instead of the issuer, which leaves {said} out")
        return importing
    offers = [
        login.opens(offer) if offer.name in open_ones and not offer.says_login else offer for offer in importing.offers
    ]
    return plan_of_offers(run.app.world, run.look_at(offers), kubeconfig, importing.place)


def _name_logins(run: ImportRun, importing: Import, kubeconfig: KubeconfigOptions) -> Import:
    """The same with new profiles called as the person wants. Raises UsageError."""
    plan, typed = importing.plan, run.given.profile_name
    new = {name: table for (kind, name), table in plan.added.items() if kind == "profile"}
    if typed and len(new) > 1:
        raise UsageError(
            f"--profile-name names one profile, and {len(new)} would be new: {', '.join(new)}",
            hint="take them one after the other: --clusters A,B",
        )
    if typed and new:
        _refuse_taken(run, typed, ())
    elif typed and typed not in plan.profiles:
        there = f"profile {plan.profiles[0]}" if len(plan.profiles) == 1 else "profiles that are there"
        run.app.console.note(
            f"{', '.join(plan.clusters) or 'this'} is opened by {there}, so --profile-name {typed} names nothing new",
            errors.run("togetherctl", "profile", "rename", plan.profiles[0], typed)
            if len(plan.profiles) == 1
            else None,
        )
    names: dict[str, str] = {}
    for name in new if len(new) <= _MOST_NAMED else ():
        if typed:
            names[name] = typed
        elif run.asking is not None:
            names[name] = _ask_name(run, run.asking, importing, name, (*new, *names.values()))
    if all(name == called for name, called in names.items()):
        return importing
    return plan_of_offers(run.app.world, importing.offers, kubeconfig, importing.place, names)


def _ask_name(run: ImportRun, asking: Prompts, importing: Import, name: str, taken: Sequence[str]) -> str:
    def check(typed: str) -> None:
        value_checks.name(typed)
        if typed != name:
            _refuse_taken(run, typed, taken)

    several = sum(kind == "profile" for kind, _ in importing.plan.added) > 1
    client = importing.plan.added["profile", name]["client_id"]
    whose = f"the login of client {client} at {name}" if several else "this login"
    return asking.text(f"What should {whose} be called?", default=name, check=check)


def _refuse_taken(run: ImportRun, name: str, taken: Iterable[str]) -> None:
    """Raises UsageError where a profile is called so already; case does not tell names apart."""
    for other in (*run.app.world.config.table.profiles, *taken):
        if other.lower() == name.lower():
            raise UsageError(f"there is a profile {other} already", hint="choose another name")


def _bundle(run: ImportRun, fetched: Fetched) -> Import:
    clusters = run.given.clusters
    if run.given.profile_name:
        raise UsageError(
            "a bundle names its profiles, and --profile-name goes without one",
            hint="togetherctl profile rename NAME NEW_NAME afterwards",
        )
    bundle = read(fetched.text, origin=fetched.origin)
    there = bundle.config.clusters
    _say_skipped(run, bundle.unused())
    if clusters is None and run.asking is not None and len(there) > 1:
        width = max(map(len, there))
        answers = [PromptChoice(f"{name:<{width}}  {table.server}", name) for name, table in there.items()]
        chosen = run.asking.several("Which clusters?", answers)
        # All of it holds profiles that open none, too.
        clusters = None if len(chosen) == len(there) else tuple(chosen)
    refuse_too_many(there if clusters is None else clusters, fetched.origin)
    importing = plan_of_bundle(run.app.world, fetched, clusters=clusters)
    _agree(run, importing)
    # Only now: a host is asked nothing before the person agrees to it.
    run.look_at([Offer(name, table) for (kind, name), table in importing.plan.added.items() if kind == "issuer"])
    return importing


def _agree(run: ImportRun, importing: Import) -> None:
    """Ask for each host that is agreed to by name; under `--yes`, `--trust-host` has to name it."""
    asking = run.asking
    ask = None if asking is None else lambda host: asking.yes(f"{host.sentence}. Is that right?", default=False)
    try:
        agree_to_hosts(run.app, importing, run.given.trusted, ask, dry_run=run.given.dry_run)
    except UsageError as error:
        if ask is not None:
            raise
        run.missing.append(f"--trust-host: {error.message}; {error.remedy}")


def agree_to_hosts(
    app: App, importing: Import, trusted: Iterable[str], ask: Callable[[NewHost], bool] | None, *, dry_run: bool
) -> None:
    """Come back once each host that has to be named is agreed to; a dry run says which those are.

    Raises UsageError where a host is not agreed to.
    """
    if not dry_run:
        agree(importing.hosts_to_name, trusted=trusted, ask=ask)
        return
    for host in importing.hosts_to_name:
        app.console.say(f"{host.sentence}; --trust-host {host.host} agrees to that.")


def _say_skipped(run: ImportRun, skipped: Iterable[Skipped], *, with_help: bool = False) -> None:
    for one in skipped:
        run.app.console.say(one.with_help if with_help else str(one))


def _nothing(origins: Iterable[str], skipped: Sequence[Skipped]) -> TogetherctlError:
    helps = next((one.helps for one in skipped if one.helps), None)
    hint = helps if skipped else "togetherctl init SOURCE, with another source"
    return TogetherctlError(f"there is nothing to take in {', '.join(origins)}", hint=hint)
