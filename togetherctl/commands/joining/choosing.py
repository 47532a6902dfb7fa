"""Which clusters are taken, and everything that has to be known before that can be shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.actions.joining import ByBundle, by_plan, refuse_too_many
from togetherctl.actions.updating import consider
from togetherctl.cli.prompts import Answer
from togetherctl.cli.secret_places import Places
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.kubelogin.secret_place import FORMS, SecretPlace
from togetherctl.sources.bundle import read
from togetherctl.sources.left_out import secrets_kept
from togetherctl.sources.trust import agree, to_be_named
from togetherctl.store.problems import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from togetherctl.actions.joining import ByPlan, Taking, Wish
    from togetherctl.cli.app import App
    from togetherctl.cli.prompts import Asking
    from togetherctl.commands.joining.gathering import Gathered
    from togetherctl.commands.joining.logins import Logins
    from togetherctl.commands.joining.options import Given, Missing
    from togetherctl.sources.offer import Offer, Passed

_SAID = 5


@dataclass(frozen=True)
class Choosing:
    """One run: what is chosen by flags, else by whoever is asked; what cannot be asked goes to `missing`."""

    app: App
    given: Given
    asking: Asking | None
    logins: Logins
    missing: Missing

    def taking(self, gathered: Gathered, wish: Wish) -> Taking:
        """What is taken. Raises UsageError with all that is missing, and TogetherctlError where nothing can be."""
        if self.asking is None and not self.given.yes and not self.given.dry_run:
            self.missing.note("--yes: nobody can look at what would be written, and agree")
        if gathered.bundle is None and not gathered.offers and not gathered.passed:
            self.missing.raise_if_any()
        taking = self._taking(gathered, wish)
        self.missing.raise_if_any()
        return taking

    def _taking(self, gathered: Gathered, wish: Wish) -> Taking:
        if gathered.bundle is not None:
            return self._bundle(gathered)
        self._say_passed(gathered.passed)
        if not gathered.offers:
            raise _nothing(gathered.origins, gathered.passed)
        typed = SecretPlace.parse(self.given.secret) if self.given.secret else None
        chosen = self._chosen(gathered.offers)
        refuse_too_many(chosen, ", ".join(gathered.origins))
        offers = self.logins.look_at(self._with_secret(chosen, typed))
        places = Places(self.app, typed)
        taking = by_plan(self.app.world, offers, wish, places.of)
        if taking.plan.without_login:
            taking = self._logged_in(taking, wish, places)
        self._say_passed(taking.plan.passed)
        if not taking.plan.clusters and not taking.plan.profiles and not self.missing.lines:
            raise _nothing(gathered.origins, taking.plan.passed)
        if taking.plan.secrets and not self.given.dry_run:
            if self.asking is None and not self.given.secret:
                whose = ", ".join(f"{moved.client_id} at {moved.issuer}" for moved in taking.plan.secrets)
                self.missing.note(f"--secret: where the client secret of {whose} is to go: {FORMS}")
            else:
                places.settle(taking.plan.secrets)
                taking = by_plan(self.app.world, taking.offers, wish, places.of)
        self._agree(taking)
        return taking

    def _with_secret(self, offers: Sequence[Offer], typed: SecretPlace | None) -> Sequence[Offer]:
        """The offers with the client secret of the environment where `--secret env:NAME` says so, and nowhere else.

        Raises UsageError where that could mean several clients.
        """
        if typed is not None and typed.kind == "env":
            able = [offer for offer in offers if offer.issuer and offer.profile]
            wanting = [offer for offer in able if offer.takes_secret or offer.secret] or able
            clients = {
                (offer.issuer["url"], offer.profile["client_id"]) for offer in wanting if offer.issuer and offer.profile
            }
            if len(clients) > 1:
                raise UsageError(
                    f"{typed.value} holds one client secret, and there are {len(clients)} clients that would take it",
                    hint="take them one after the other: --clusters A,B",
                )
            _refuse_another_value(typed, wanting, self.app.environ)
            own = {"client_secret": typed.reference(self.app.environ)}
            return [
                replace(offer, profile={**offer.profile, **own})
                if offer.profile and not offer.secret and any(offer is one for one in wanting)
                else offer
                for offer in offers
            ]
        if typed is None:
            for line in secrets_kept(offers, self.app.world.store.table, self.app.environ):
                self.app.console.say(line)
        return offers

    def _chosen(self, offers: Sequence[Offer]) -> Sequence[Offer]:
        names = list(dict.fromkeys(offer.name for offer in offers))
        if self.given.clusters is not None:
            for name in self.given.clusters:
                if name not in names:
                    raise UsageError(f"there is no cluster {name} to take{nearest(name, names)}")
            return [offer for offer in offers if offer.name in self.given.clusters]
        if self.asking is None or len(offers) == 1:
            return offers
        width = max(len(name) for name in names)
        return self.asking.several(
            "Which clusters?", [Answer(f"{offer.name:<{width}}  {_server(offer)}", offer) for offer in offers]
        )

    def _logged_in(self, taking: ByPlan, wish: Wish, places: Places) -> ByPlan:
        """The same with how to log in where the source does not say."""
        open_ones = taking.plan.without_login
        said = ", ".join(open_ones[:_SAID]) + (f" and {len(open_ones) - _SAID} more" if len(open_ones) > _SAID else "")
        login = self.logins.login(said)
        if login is None:
            rest = [offer.name for offer in taking.offers if offer.name not in open_ones]
            if rest:
                self.missing.note(f"--clusters {','.join(rest)}: instead of the issuer, which leaves {said} out")
            return taking
        offers = [
            login.opens(offer) if offer.name in open_ones and not offer.says_login else offer for offer in taking.offers
        ]
        return by_plan(self.app.world, self.logins.look_at(offers), wish, places.of)

    def _bundle(self, gathered: Gathered) -> Taking:
        taken = gathered.bundle
        assert taken is not None  # noqa: S101 # see the caller
        clusters = self.given.clusters
        bundle = read(taken.text, origin=taken.origin)
        self._say_passed(bundle.found().passed)
        if clusters is None and self.asking is not None and len(bundle.store.clusters) > 1:
            width = max(len(name) for name in bundle.store.clusters)
            clusters = tuple(
                self.asking.several(
                    "Which clusters?",
                    [Answer(f"{name:<{width}}  {table.server}", name) for name, table in bundle.store.clusters.items()],
                )
            )
            # All of it holds profiles that open none, too.
            clusters = None if len(clusters) == len(bundle.store.clusters) else clusters
        refuse_too_many(bundle.store.clusters if clusters is None else clusters, taken.origin)
        newer = consider(self.app.world, taken, clusters=clusters)
        self._agree(ByBundle(newer))
        # Only now, so that nothing is asked of a host that nobody agreed to.
        new = [table["url"] for (kind, _), table in newer.update.added.items() if kind == "issuer"]
        self.logins.look_at([offer for offer in bundle.found().offers if (offer.issuer or {}).get("url") in new])
        return ByBundle(newer)

    def _agree(self, taking: Taking) -> None:
        """Ask for each host that is agreed to by name; under `--yes`, `--trust-host` has to name it."""
        named = to_be_named(taking.strangers, remote=taking.is_remote)
        if self.given.dry_run:
            for stranger in named:
                self.app.console.say(f"{stranger.sentence}; --trust-host {stranger.host} agrees to that.")
            return
        if self.asking is not None:
            asking = self.asking
            agree(
                named,
                trusted=self.given.trusted,
                ask=lambda stranger: asking.yes(f"{stranger.sentence}. Is that right?", default=False),
            )
            return
        try:
            agree(named, trusted=self.given.trusted, ask=None)
        except UsageError as error:
            self.missing.note(f"--trust-host: {error.message}; {error.remedy}")

    def _say_passed(self, passed: Sequence[Passed]) -> None:
        for one in passed:
            self.app.console.say(f"{one.name} cannot be taken, because {one.reason}.")


def _nothing(origins: Iterable[str], passed: Sequence[Passed]) -> TogetherctlError:
    hint = None if passed else "togetherctl init SOURCE, with another source"
    return TogetherctlError(f"there is nothing to take in {', '.join(origins)}", hint=hint)


def _refuse_another_value(typed: SecretPlace, offers: Sequence[Offer], environ: Mapping[str, str]) -> None:
    """Raises UsageError where the variable holds another secret than the source: that is for another issuer."""
    there = environ.get(typed.value)
    if there and any(offer.secret and offer.secret != there for offer in offers):
        raise UsageError(
            f"{typed.value} holds another client secret than the source does",
            hint=f"name a variable that is not set, or keep the source's: --secret {FORMS}",
        )


def _server(offer: Offer) -> str:
    url = str((offer.cluster or {}).get("server", ""))
    return urlsplit(url).netloc or url
