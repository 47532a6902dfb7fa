"""Fetch a source, and find out what it is: a kubeconfig, a folder, a bundle or Together AI.

The bytes are fetched first; what is in them decides between a kubeconfig and a bundle.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

from togetherctl.config.toml_text import NotTOML, parse
from togetherctl.disk import read_whole
from togetherctl.errors import ConfigError, Refused, Unreachable, UsageError, run
from togetherctl.http_failures import host_of, without_query
from togetherctl.importing.cluster_offer import SourceOffers
from togetherctl.importing.from_kubeconfig import from_folder, from_text, unwrap
from togetherctl.kube.kubeconfig import decode_text
from togetherctl.loopback import is_safe
from togetherctl.paths import expand, tilde
from togetherctl.transport import HTTP, Connection

SOURCES = (
    "together, agent, a kubeconfig, a folder of them, a bundle (a file or an https address), or - for standard input"
)
TOGETHER = "together"
AGENT = "agent"
STANDARD_INPUT = "-"
MAX_BYTES = 4 * 1024 * 1024
_SECONDS = 30.0
_TABLE = re.compile(rb"^\s*\[\[?\s*(issuers|profiles|clusters|bundles)\b", re.MULTILINE)
_KEY = re.compile(rb"^\s*version\s*=", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A word and what it names; `path` where that is a file or a folder."""

    kind: Literal["together", "agent", "file", "folder", "url", "stdin"]
    word: str
    path: Path | None = None


@dataclass(frozen=True)
class Fetched:
    """The bytes of a source: `source` as the configuration records it, `origin` for people."""

    source: str
    origin: str
    text: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """The digest that the configuration records, in hexadecimal."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def is_remote(self) -> bool:
        """Whether it came over the network, so that `--yes` does not agree to the hosts it names."""
        return is_remote(self.source)


def is_remote(source: str) -> bool:
    """Whether this source of a bundle is a URL."""
    return "://" in source


def recognise(word: str, environ: Mapping[str, str]) -> Source:
    """What `word` names. Raises UsageError where it names nothing."""
    if word == TOGETHER:
        return Source("together", word)
    if word == AGENT:
        return Source("agent", word)
    if word == STANDARD_INPUT:
        return Source("stdin", word)
    if is_remote(word):
        return Source("url", word)
    path = expand(word, environ)
    if path.is_dir():
        return Source("folder", word, path)
    if os.path.lexists(path):
        return Source("file", word, path)
    meant = run("togetherctl", "init", TOGETHER) if word.lower() == TOGETHER else f"a source is {SOURCES}"
    raise UsageError(f"there is no file or folder {word}", hint=meant)


def is_bundle(text: bytes) -> bool:
    """Whether a text is meant as a bundle, though there may be much wrong with it, and not as a kubeconfig."""
    try:
        source = text.decode("utf-8")
        return bool(_TABLE.search(text) or _KEY.search(text) or parse(source))
    except (UnicodeDecodeError, NotTOML):
        return False


def read_source(
    source: Source,
    environ: Mapping[str, str],
    *,
    stdin: Callable[[], BinaryIO] | None = None,
    log: Callable[[str], None],
) -> SourceOffers | Fetched:
    """What kubeconfigs or an agent offer, or a bundle as it was fetched.

    Raises TogetherctlError where it cannot be read.
    """
    if source.kind == "agent":
        from togetherctl.importing.from_agent import from_agent

        return from_agent(environ)
    if source.kind == "folder" and source.path is not None:
        return from_folder(source.path, environ)
    fetched = fetch(source.word, environ, stdin=stdin, log=log)
    if source.kind == "url" or is_bundle(fetched.text):
        return fetched
    try:
        text, _ = decode_text(fetched.text)
    except UnicodeDecodeError:
        raise ConfigError(
            f"{fetched.origin} is neither a kubeconfig nor a bundle: it is neither UTF-8 text nor UTF-16 with a byte "
            "order mark"
        ) from None
    path = source.path or Path.cwd() / fetched.origin
    return from_text(unwrap(text, fetched.origin), environ, path=path, origin=fetched.origin)


def fetch(
    source: str,
    environ: Mapping[str, str],
    *,
    stdin: Callable[[], BinaryIO] | None = None,
    log: Callable[[str], None] = lambda _line: None,
) -> Fetched:
    """The bytes at `source`: an https URL, a file, or `-` for `stdin`. No credentials are sent along.

    Raises UsageError, ConfigError, Unreachable, Refused and Untrusted.
    """
    if is_remote(source):
        return Fetched(source, shown(source, environ), _download(source, environ, log))
    if source == STANDARD_INPUT:
        if stdin is None:
            raise UsageError("this bundle came from standard input, which cannot be asked again")
        text = stdin().read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise _too_large("standard input", text)
        return Fetched(source, "standard input", text)
    path = expand(source, environ).absolute()
    try:
        text, _ = read_whole(path, limit=MAX_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            with path.open("rb") as file:
                raise _too_large(str(path), file.read(MAX_BYTES)) from None
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return Fetched(str(path), shown(str(path), environ), text)


def _too_large(origin: str, beginning: bytes) -> ConfigError:
    kind = "bundle" if _TABLE.search(beginning) or _KEY.search(beginning) else "kubeconfig"
    return ConfigError(f"the {kind} {origin} is larger than {MAX_BYTES // 1024} KiB")


def shown(source: str, environ: Mapping[str, str]) -> str:
    """A source for people: without the query of a URL, which may be a key to it."""
    if source == STANDARD_INPUT:
        return "standard input"
    if is_remote(source):
        return without_query(source)
    return tilde(expand(source, environ), environ)


def _download(url: str, environ: Mapping[str, str], log: Callable[[str], None]) -> bytes:
    if not is_safe(url, http=False) or "@" in urlsplit(url).netloc:
        raise UsageError(
            "the address of a bundle must begin with https://, and no user name or password may be in it: "
            f"{host_of(url)}",
            hint="download it, look at it, and name the file",
        )
    headers = {"Accept": "application/toml, text/plain, */*"}
    try:
        with HTTP(Connection(), environ, log=log, total_seconds=_SECONDS) as http:
            answer = http.get(url, headers=headers, seconds=_SECONDS, limit=MAX_BYTES)
        answer.raise_if_later()
    except Unreachable as error:
        if error.reason == "authority":
            # The transport's way out names keys of an issuer, which this is not.
            raise Unreachable(error.message, hint="name its certificate authority with SSL_CERT_FILE") from None
        raise
    if answer.status in (401, 403):
        raise Refused(
            f"{host_of(url)} wants to know who asks for the bundle (HTTP {answer.status}), and togetherctl sends no "
            "credentials there",
            hint="download it yourself, and name the file",
            status=answer.status,
        )
    if answer.status != 200:
        raise Refused(f"{host_of(url)} answered HTTP {answer.status} instead of a bundle", status=answer.status)
    return answer.body
