"""What sources offer: from the words and flags that were typed, else from what somebody answers."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from togetherctl.actions.api_key import api_key, keep_key, read_key
from togetherctl.cli.prompts import Answer
from togetherctl.environment import API_KEY
from togetherctl.errors import UsageError
from togetherctl.paths import expand
from togetherctl.sources.by_hand import Server, by_hand
from togetherctl.sources.recognise import SOURCES, TOGETHER, recognise
from togetherctl.store import checks
from togetherctl.store.checks import server_url
from togetherctl.together.api import KEYS_PAGE, base_url

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from togetherctl.cli.app import App
    from togetherctl.cli.prompts import Asking
    from togetherctl.commands.joining.logins import Logins
    from togetherctl.commands.joining.options import Given, Missing
    from togetherctl.sources.bundle_place import Taken
    from togetherctl.sources.offer import Found, Offer, Passed
    from togetherctl.sources.recognise import Source

_SECONDS = 60.0
_FILE, _BY_HAND = "file", "by hand"


@dataclass
class Gathered:
    """All that the sources say: offers, or one bundle. `api_key` is the one to keep. The repr shows no secret."""

    offers: list[Offer] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    bundle: Taken | None = None
    api_key: str | None = field(default=None, repr=False)

    def add(self, found: Found) -> None:
        """What one source says."""
        self.offers += found.offers
        self.passed += found.passed
        self.origins.append(found.origin)


class Gathering:
    """One run. What cannot be asked goes to `missing`."""

    def __init__(self, app: App, given: Given, asking: Asking | None, logins: Logins, missing: Missing) -> None:
        self._app = app
        self._given = given
        self._asking = asking
        self._logins = logins
        self._missing = missing
        self._gathered = Gathered()

    def gather(self) -> Gathered:
        """Raises TogetherctlError where a source cannot be read."""
        words = self._given.words
        if not words and self._given.describes:
            self._by_hand()
        elif not words and self._asking is None:
            self._missing.note(f"SOURCE: {SOURCES}; or --issuer-url, --client-id and --server")
        else:
            for word in words or self._asked():
                self._take(recognise(word, self._app.environ))
        return self._gathered

    def _asked(self) -> list[str]:
        """The words somebody would have typed; none for a cluster that is described by hand."""
        assert self._asking is not None  # noqa: S101 # see the caller
        answers = [
            Answer("Together AI, by your API key", TOGETHER),
            Answer("A kubeconfig or a bundle somebody sent: file, folder, https address", _FILE),
            Answer("I know the issuer, the client ID and the API server", _BY_HAND),
        ]
        default = TOGETHER if self._app.environ.get(API_KEY) else None
        chosen = self._asking.one("Where do your clusters come from?", answers, default=default)
        if chosen == _FILE:
            return [self._asking.path("Where is it? (Tab completes)", check=self._is_source)]
        if chosen == _BY_HAND:
            self._by_hand()
            return []
        return [chosen]

    def _is_source(self, word: str) -> None:
        if not word:
            raise UsageError("a path, or an https address")
        recognise(word, self._app.environ)

    def _take(self, source: Source) -> None:
        if source.kind == "together":
            self._together()
        else:
            self._read(source)
        if self._gathered.bundle is not None and self._gathered.origins:
            raise UsageError("a bundle is taken by itself", hint="one init for each bundle, and one for the rest")

    def _together(self) -> None:
        from togetherctl.sources.together import from_together

        if self._asking is None and not read_key(self._app.environ, base_url=base_url(self._app.environ)):
            self._missing.note(f"{API_KEY}: an API key of Together AI, made at {KEYS_PAGE}")
            return
        key = api_key(self._app.world)
        with self._waiting("Together AI"):
            self._gathered.add(from_together(self._app.world.together(key), project=self._given.project))
        self._gathered.api_key = key if self._given.keep_api_key else None

    def _read(self, source: Source) -> None:
        from togetherctl.sources.offer import Found
        from togetherctl.sources.reading import read_source

        app = self._app
        with self._waiting("the bundle") if source.kind == "url" else nullcontext():
            read = read_source(source, app.environ, stdin=lambda: sys.stdin.buffer, log=app.world.log)
        if isinstance(read, Found):
            self._gathered.add(read)
        elif self._gathered.bundle is not None:
            raise UsageError("one bundle at a time", hint="one init for each")
        else:
            self._gathered.bundle = read

    def _by_hand(self) -> None:
        """A cluster by flags, and by questions for the rest."""
        given = self._given
        login = self._logins.login("the cluster")
        if self._asking is None and not given.server:
            self._missing.note("--server: the URL of the API server")
        server, ca_file = given.server, given.ca_file
        if self._asking is not None and not server:
            server = self._asking.text("The API server's URL:", check=server_url)
            ca_file = ca_file or self._ca_file()
        if login is None or server is None:
            return
        try:
            server_url(server)
        except ValueError as error:
            raise UsageError(f"--server {error}") from None
        described = Server(server, ca_file, given.name)
        if self._asking is not None and not given.name:
            name = self._asking.text("What to call the cluster:", default=described.called, check=checks.name)
            described = replace(described, name=name)
        self._gathered.add(by_hand(login, described))

    def _ca_file(self) -> str | None:
        assert self._asking is not None  # noqa: S101 # see the caller
        typed = self._asking.path(
            "A PEM file with its certificate authority (Enter: none):", check=self._is_file_or_nothing
        )
        return str(expand(typed, self._app.environ)) if typed else None

    def _is_file_or_nothing(self, typed: str) -> None:
        if typed and not expand(typed, self._app.environ).is_file():
            raise UsageError("there is no such file")

    def _waiting(self, what: str) -> AbstractContextManager[None]:
        return self._app.console.waiting(what, _SECONDS) if sys.stderr.isatty() else nullcontext()


def keep(app: App, api_key: str | None) -> None:
    """Keep the API key in the keyring, if that was wanted. Raises StorageError."""
    if api_key is not None:
        keep_key(api_key, base_url=base_url(app.environ))
        app.console.say("The API key is in the keyring.")
