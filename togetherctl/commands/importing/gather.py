"""Gather what sources offer, from words and flags, else from what the person answers."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from togetherctl.agent_socket import has_socket
from togetherctl.cli.app import App
from togetherctl.cli.prompts import PromptChoice, Prompts
from togetherctl.commands.importing.ask_login import read_authority
from togetherctl.commands.importing.ask_server import ask_server
from togetherctl.commands.importing.run import ImportRun
from togetherctl.config.value_checks import server_url
from togetherctl.environment import API_KEY
from togetherctl.errors import UsageError
from togetherctl.importing.cluster_offer import Offer, Skipped, SourceOffers, TypedServer, offer_typed
from togetherctl.importing.fetch import AGENT, SOURCES, TOGETHER, Fetched, Source, read_source, recognise
from togetherctl.together.api import KEYS_PAGE, base_url
from togetherctl.usecases.together_api_key import api_key, keep_key, read_key

_SECONDS = 60.0
_FILE, _BY_HAND = "file", "by hand"


@dataclass
class Gathered:
    """All that the sources say: offers, or one bundle. `api_key` is the one to keep. The repr shows no secret."""

    offers: list[Offer] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    bundle: Fetched | None = None
    api_key: str | None = field(default=None, repr=False)

    def add(self, found: SourceOffers) -> None:
        """What one source says."""
        self.offers += found.offers
        self.skipped += found.skipped
        self.origins.append(found.origin)


def gather(run: ImportRun) -> Gathered:
    """What all sources of the run say. Raises TogetherctlError where one cannot be read."""
    given, gathered = run.given, Gathered()
    if given.words:
        words = list(given.words)
    elif given.describes:
        words = [_BY_HAND]
    elif run.asking is not None:
        words = [_ask_source(run, run.asking)]
    else:
        words = []
        run.missing.append(f"SOURCE: {SOURCES}; or --issuer-url, --client-id and --server")
    for word in words:
        if word == _BY_HAND and not given.words:
            _by_hand(run, gathered)
            continue
        source = recognise(word, run.app.environ)
        if source.kind == "together":
            _together(run, gathered)
        else:
            _read(run, source, gathered)
        if gathered.bundle is not None and gathered.origins:
            raise UsageError("a bundle is taken by itself", hint="one init for each bundle, and one for the rest")
    return gathered


def _ask_source(run: ImportRun, asking: Prompts) -> str:
    """The word the person would have typed."""
    answers = [
        *(
            [PromptChoice("The agent of another machine, which is forwarded to this one", AGENT)]
            if has_socket(run.app.environ)
            else []
        ),
        PromptChoice("Together AI, by your API key", TOGETHER),
        PromptChoice("A kubeconfig or a bundle that you were sent: file, folder, https address", _FILE),
        PromptChoice("I know the issuer, the client ID and the API server", _BY_HAND),
    ]

    def check(word: str) -> None:
        if not word:
            raise UsageError("a path, or an https address")
        recognise(word, run.app.environ)

    default = TOGETHER if run.app.environ.get(API_KEY) else None
    chosen = asking.one("Where do your clusters come from?", answers, default=default)
    return asking.path("Where is it? (Tab completes)", check=check) if chosen == _FILE else chosen


def _together(run: ImportRun, gathered: Gathered) -> None:
    from togetherctl.importing.from_together import from_together

    if run.asking is None and not read_key(run.app.environ, base_url=base_url(run.app.environ)):
        run.missing.append(f"{API_KEY}: an API key of Together AI, made at {KEYS_PAGE}")
        return
    key = api_key(run.app.world)
    with _waiting(run.app, "Together AI"):
        gathered.add(from_together(run.app.world.together(key), project=run.given.project))
    gathered.api_key = key if run.given.keep_api_key else None


def _read(run: ImportRun, source: Source, gathered: Gathered) -> None:
    app = run.app
    with _waiting(app, "the bundle") if source.kind == "url" else nullcontext():
        found = read_source(source, app.environ, stdin=lambda: sys.stdin.buffer, log=app.world.log)
    if not isinstance(found, Fetched):
        gathered.add(found)
    elif gathered.bundle is not None:
        raise UsageError("one bundle at a time", hint="one init for each")
    else:
        gathered.bundle = found


def _by_hand(run: ImportRun, gathered: Gathered) -> None:
    """A cluster by flags, and by questions for the rest."""
    given, asking = run.given, run.asking
    if given.server:
        try:
            server_url(given.server)
        except ValueError as error:
            raise UsageError(f"--server {error}") from None
    login = run.login("the cluster")
    if asking is not None and login is not None:
        gathered.add(offer_typed(login, ask_server(run, asking)))
        return
    if not given.server:
        run.missing.append("--server: the URL of the API server")
    if login is None or not given.server:
        return
    authority = read_authority(run, given.ca_file) if given.ca_file else {}
    gathered.add(offer_typed(login, TypedServer(given.server, authority, given.name)))


def _waiting(app: App, what: str) -> AbstractContextManager[None]:
    return app.console.waiting(what, _SECONDS) if sys.stderr.isatty() else nullcontext()


def keep(app: App, api_key: str | None) -> None:
    """Keep the API key in the keyring, if that was wanted. Raises StorageError."""
    if api_key is not None:
        keep_key(api_key, base_url=base_url(app.environ))
        app.console.say("The API key is in the keyring.")
