"""Getting a bundle from where it is: an https URL, a file, or standard input; and keeping a copy of what was taken."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.errors import ConfigError, Refused, TogetherctlError, Unreachable, UsageError
from togetherctl.kubelogin.names import clean, free
from togetherctl.loopback import is_safe
from togetherctl.no_answer import host_of, without_query
from togetherctl.paths import expand, tilde
from togetherctl.transport import HTTP, Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from togetherctl.store.models import StoreTable
    from togetherctl.store.toml_text import TomlText

STANDARD_INPUT = "-"
_MAX_BYTES = 4 * 1024 * 1024
_SECONDS = 30.0


@dataclass(frozen=True)
class Taken:
    """A bundle as it came: `source` as the store records it, `origin` for people, and its bytes."""

    source: str
    origin: str
    text: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """The digest that the store records, in hexadecimal."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def is_remote(self) -> bool:
        """Whether it came over the network, so that `--yes` does not agree to the hosts it names."""
        return is_remote(self.source)


def is_remote(source: str) -> bool:
    """Whether this source of a bundle is a URL."""
    return "://" in source


def take(
    source: str,
    environ: Mapping[str, str],
    *,
    stdin: Callable[[], BinaryIO] | None = None,
    log: Callable[[str], None] = lambda _line: None,
) -> Taken:
    """The bundle at `source`: an https URL, a file, or `-` for `stdin`. Nothing of anybody's is sent along.

    Raises UsageError, ConfigError, Unreachable, Refused and Untrusted.
    """
    if source == STANDARD_INPUT:
        if stdin is None:
            raise UsageError("this bundle came from standard input, which cannot be asked again")
        return Taken(source, "standard input", _capped(stdin().read(_MAX_BYTES + 1), "standard input"))
    if is_remote(source):
        text = _fetched(source, environ, log)
        return Taken(source, shown(source, environ), text)
    path = expand(source, environ).absolute()
    try:
        text, _ = read_whole(path, limit=_MAX_BYTES)
    except OSError as error:
        raise UsageError(f"the bundle {path} cannot be read: {error.strerror}") from None
    return Taken(str(path), shown(str(path), environ), text)


def shown(source: str, environ: Mapping[str, str]) -> str:
    """A source for people: without the query of a URL, which may be a key to it."""
    if source == STANDARD_INPUT:
        return "standard input"
    if is_remote(source):
        return without_query(source)
    return tilde(expand(source, environ), environ)


def _fetched(url: str, environ: Mapping[str, str], log: Callable[[str], None]) -> bytes:
    if not is_safe(url, http=False) or "@" in urlsplit(url).netloc:
        raise UsageError(
            f"a bundle is taken only from an address that begins with https:// and holds no password; {host_of(url)} "
            "is not named so",
            hint="download it, look at it, and name the file",
        )
    headers = {"Accept": "application/toml, text/plain, */*"}
    try:
        with HTTP(Connection(), environ, log=log, total_seconds=_SECONDS) as http:
            answer = http.get(url, headers=headers, seconds=_SECONDS, limit=_MAX_BYTES)
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


def _capped(text: bytes, origin: str) -> bytes:
    if len(text) > _MAX_BYTES:
        raise ConfigError(f"the bundle from {origin} is larger than {_MAX_BYTES // 1024} KiB")
    return text


def name_for(source: str, store: StoreTable) -> str:
    """What the store calls the bundle from `source`: as before, else by its file's name."""
    for name, table in store.bundles.items():
        if table.source == source and source != STANDARD_INPUT:
            return name
    path = unquote(urlsplit(source).path) if is_remote(source) else source.replace("\\", "/")
    return free([clean(PurePosixPath(path).stem) or "bundle"], store.bundles)


def remember(text: TomlText, name: str, taken: Taken, folder: Path) -> None:
    """Record in the store's text where entries come from, and keep the bundle in `folder` as it was taken.

    The copy is there first and is named by its digest, so that the store never names one that is another's.
    Raises TogetherctlError where it cannot be kept.
    """
    try:
        make_private_folder(folder)
        write_whole(_copy(folder, taken.sha256), taken.text)
    except OSError as error:
        raise TogetherctlError(f"a copy of the bundle cannot be kept in {folder}: {error.strerror}") from None
    text.set(("bundles", name), {"source": taken.source, "sha256": taken.sha256})


def copy_of(sha256: str, folder: Path) -> bytes | None:
    """The bundle with this digest as it was taken; None where there is no copy, or another's."""
    try:
        text, _ = read_whole(_copy(folder, sha256), limit=_MAX_BYTES)
    except OSError:
        return None
    return text if hashlib.sha256(text).hexdigest() == sha256 else None


def drop_copy(sha256: str, folder: Path, store: StoreTable) -> None:
    """Delete a copy that was taken the place of, unless a bundle of the store is still compared with it."""
    if all(table.sha256 != sha256 for table in store.bundles.values()):
        with suppress(OSError):
            _copy(folder, sha256).unlink()


def _copy(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}.toml"
