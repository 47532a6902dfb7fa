"""Cache resolved profiles, so that a token needs neither pydantic nor the whole configuration file.

One file a profile, good for as long as the configuration is the same file it was made of. It holds no secret, only
where one is read from; a profile whose client secret, command for it, headers or proxy could hold one is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from togetherctl.config.profile import Issuer, Loopback, Profile, override, simple_overrides
from togetherctl.connection_settings import Connection
from togetherctl.disk import is_ours, make_private_folder, open_to_others, read_whole, sweep_folder, write_whole
from togetherctl.environment import CONFIG
from togetherctl.errors import TogetherctlError
from togetherctl.quick_json import loads
from togetherctl.records import asdict, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from togetherctl.config.config import Config
    from togetherctl.paths import Paths

_VERSION = 3
_MAX_BYTES = 256 * 1024
_MAX_CONFIG_BYTES = 16 * 1024 * 1024
# As for ready files: some file systems tell times apart by whole seconds.
_STORE_AGE = 2.0
# Of a configuration with more profiles only those are kept that were asked for, and not more than so many at once.
_FEW = 32
_MOST = 256
# Kinds of client secrets that say where one is, and are none.
_REFERENCES = ("env", "file", "keyring")
_LEFT_OUT = frozenset({"secret", "password", "sessions"})


class ProfileCache:
    """The profiles of one configuration; `status` is of its file when the last profile was read from here."""

    def __init__(self, paths: Paths, environ: Mapping[str, str]) -> None:
        self._paths = paths
        self._environ = environ
        self.status: os.stat_result | None = None

    def read(self, name: str, *, now: float) -> Profile | None:
        """The profile `name`, if it is known and the configuration is still the same; None costs no more than asking.

        `now` in seconds since 1970.
        The environment's overrides are applied; None where one of them is wrong, because the configuration reports
        that.
        """
        try:
            status = self._paths.config.stat()
            known = self._read(name, status)
            if known["text"] is not None and not _is_young(status, now):
                # It is the text that was checked, and from now on every other has another time.
                known["text"] = None
                self._write(name, known)
            profile = override(_decode(known["profile"]), simple_overrides(self._environ))
            if known["secret"] is not None:
                kind, value = known["secret"]
                profile = replace(profile, secret=lambda: self._read_secret(kind, value, profile))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return None
        self.status = status
        return profile

    def keep(self, config: Config, profile: Profile, *, now: float) -> None:
        """Keep `profile`, without overrides, for the next run; `now` in seconds since 1970.

        A profile that cannot be written is not kept; no error is raised.
        """
        connection, secret = profile.issuer.connection, config.table.profiles[profile.name].client_secret
        if self._environ.get(CONFIG) or connection.headers or "@" in (connection.proxy or ""):
            return
        if secret and secret.kind not in _REFERENCES:
            return
        if config.file is None or config.file.status is None or config.path != self._paths.config:
            return
        status = config.file.status
        known = {
            "profile_name": profile.name,
            "circumstances": self._conditions(status),
            "text": _digest(config.file.text.encode("utf-8")) if _is_young(status, now) else None,
            "secret": [secret.kind, secret.value] if secret else None,
            "profile": {name: value for name, value in asdict(profile).items() if name not in _LEFT_OUT},
        }
        self._write(profile.name, known)

    def fill(self, config: Config, names: Iterable[str] = (), *, now: float) -> None:
        """Keep what the next runs will ask for: all profiles where those are few, else those called `names`.

        `config` is the configuration as it is on disk; `now` in seconds since 1970. No error is raised.
        """
        if self._environ.get(CONFIG) or config.file is None or config.file.status is None:
            return
        sweep_folder(self._paths.known, beside="")
        every = config.table.profiles
        for name in every if len(every) <= _FEW else [name for name in names if name in every][:_MOST]:
            try:
                self._read(name, config.file.status)
            except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
                # What is wrong with one profile is said to those who ask for it.
                with suppress(TogetherctlError):
                    self.keep(config, config.resolved(name), now=now)

    def drop_all(self) -> list[str]:
        """Delete all of them, because the configuration has changed; gives their names."""
        dropped = []
        with suppress(OSError):
            for path in list(self._paths.known.iterdir()):
                path.unlink()
                dropped.append(path.name)
        return dropped

    def _read(self, name: str, status: os.stat_result) -> dict[str, Any]:
        """What is kept of the profile `name`, if the configuration that has `status` is the one it was made of.

        Raises OSError, ValueError, TypeError, LookupError, AttributeError and RecursionError.
        """
        if self._environ.get(CONFIG) or "/" in name or name.startswith("."):
            raise LookupError(name)
        data, own = read_whole(self._paths.known / name, limit=_MAX_BYTES, follow=False)
        if not is_ours(own) or open_to_others(own):
            raise LookupError(name)
        known: dict[str, Any] = loads(data)
        if known["profile_name"] != name or known["circumstances"] != self._conditions(status):
            raise LookupError(name)
        if known["text"] is not None and known["text"] != self._digest_of(status):
            raise LookupError(name)
        return known

    def _write(self, name: str, known: dict[str, Any]) -> None:
        import json

        with suppress(OSError):
            make_private_folder(self._paths.known)
            data = json.dumps(known, default=str).encode("ascii")
            write_whole(self._paths.known / name, data, sweep=False, durable=False)

    def _read_secret(self, kind: Any, value: str, profile: Profile) -> str:
        """As the configuration would. Raises ConfigError and StorageError."""
        from togetherctl.config.client_secret import SecretSource, keyring_name, read_secret

        return read_secret(
            SecretSource(kind, value),
            profile=profile.name,
            folder=self._paths.config.parent,
            environ=self._environ,
            keyring_name=keyring_name(profile.issuer.url, profile.client_id),
        )

    def _digest_of(self, status: os.stat_result) -> str:
        """Of the configuration, if it is still the file that has `status`. Raises OSError and LookupError."""
        text, now = read_whole(self._paths.config, limit=_MAX_CONFIG_BYTES)
        if _identity(now) != _identity(status):
            raise LookupError(str(self._paths.config))
        return _digest(text)

    def _conditions(self, status: os.stat_result) -> dict[str, Any]:
        """What a resolved profile depends on besides itself: the configuration, where `~` is, this togetherctl."""
        return {
            "version": _VERSION,
            "code": [__file__, os.stat(__file__).st_mtime_ns],  # noqa: PTH116 # as a path it would be one more import
            "store": str(self._paths.config),
            "mtime_ns": status.st_mtime_ns,
            # Where every file has the same mtime, as in reproducible images, these differ.
            "file": _identity(status),
            "home": self._environ.get("HOME", ""),
        }


def _identity(status: os.stat_result) -> list[int]:
    return [
        status.st_dev,
        status.st_ino,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_mode,
        status.st_uid,
    ]


def _is_young(status: os.stat_result, now: float) -> bool:
    """Whether another edit could leave the same times and size, so that only the text itself would tell it apart."""
    return now - max(status.st_mtime, status.st_ctime) < _STORE_AGE


def _digest(text: bytes) -> str:
    # What hashlib takes it from, without the crypto library that hashlib loads.
    from _blake2 import blake2b

    return blake2b(text, digest_size=16).hexdigest()


def _decode(kept: dict[str, Any]) -> Profile:
    issuer, certificate = kept.pop("issuer"), kept.pop("certificate")
    connection = issuer.pop("connection")
    ca_files = tuple(Path(path) for path in connection.pop("ca_files"))
    browser = kept.pop("browser")
    return Profile(
        issuer=Issuer(connection=Connection(ca_files=ca_files, **connection), **issuer),
        scopes=tuple(kept.pop("scopes")),
        loopbacks=tuple(Loopback(**loopback) for loopback in kept.pop("loopbacks")),
        certificate=(Path(certificate[0]), Path(certificate[1])) if certificate else None,
        browser=tuple(browser) if isinstance(browser, list) else browser,
        **kept,
    )
