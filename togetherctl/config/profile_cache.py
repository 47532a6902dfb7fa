"""Cache resolved profiles, so that a token needs neither pydantic nor the whole configuration file.

One file a profile, good for as long as the configuration is the same file it was made of. It holds no secret: a profile
whose secret, headers or proxy could be one is not kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from togetherctl.config.profile import Issuer, Loopback, Profile, override, read_overrides
from togetherctl.connection_settings import Connection
from togetherctl.disk import is_ours, make_private_folder, open_to_others, read_whole, write_whole
from togetherctl.environment import CONFIG
from togetherctl.errors import ConfigError
from togetherctl.records import asdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from togetherctl.config.config import Config
    from togetherctl.paths import Paths

_VERSION = 2
_MAX_BYTES = 256 * 1024
# As for ready files: some file systems tell times apart by whole seconds.
_STORE_AGE = 2.0
_LEFT_OUT = frozenset({"secret", "password", "sessions"})


class ProfileCache:
    """The profiles of one configuration.

    `mtime_ns` is what the configuration had when the last one was read from here.
    """

    def __init__(self, paths: Paths, environ: Mapping[str, str]) -> None:
        self._paths = paths
        self._environ = environ
        self.mtime_ns: int | None = None

    def read(self, name: str) -> Profile | None:
        """The profile `name`, if it is known and the configuration is still the same; None costs no more than asking.

        The environment's overrides are applied; None where one of them is wrong, because the configuration reports
        that.
        """
        if self._environ.get(CONFIG) or "/" in name or name.startswith("."):
            return None
        try:
            data, status = read_whole(self._paths.known / name, limit=_MAX_BYTES, follow=False)
            if not is_ours(status) or open_to_others(status):
                return None
            known = json.loads(data)
            now = self._conditions()
            if known.pop("profile_name") != name or known.pop("circumstances") != now:
                return None
            profile = override(_decode(known["profile"]), read_overrides(self._environ))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, ConfigError):
            return None
        self.mtime_ns = int(now["mtime_ns"])
        return profile

    def keep(self, config: Config, profile: Profile, *, now: float) -> None:
        """Keep `profile`, without overrides, for the next run; `now` in seconds since 1970.

        A profile that cannot be written is not kept; no error is raised.
        """
        connection = profile.issuer.connection
        if self._environ.get(CONFIG) or profile.secret or connection.headers:
            return
        if connection.proxy or config.mtime_ns is None or now - config.mtime_ns / 1e9 < _STORE_AGE:
            return
        with suppress(OSError):
            conditions = self._conditions()
            if conditions["mtime_ns"] != config.mtime_ns:
                return
            kept = {name: value for name, value in asdict(profile).items() if name not in _LEFT_OUT}
            known = {"profile_name": profile.name, "circumstances": conditions, "profile": kept}
            make_private_folder(self._paths.known)
            write_whole(self._paths.known / profile.name, json.dumps(known, default=str).encode("ascii"))

    def drop_all(self) -> None:
        """Delete all of them, because the configuration has changed."""
        with suppress(OSError):
            for path in list(self._paths.known.iterdir()):
                path.unlink()

    def _conditions(self) -> dict[str, Any]:
        """What a resolved profile depends on besides itself: the configuration, where `~` is, this togetherctl."""
        status = self._paths.config.stat()
        return {
            "version": _VERSION,
            "code": [__file__, os.stat(__file__).st_mtime_ns],  # noqa: PTH116 # as a path it would be one more import
            "store": str(self._paths.config),
            "mtime_ns": status.st_mtime_ns,
            # Where every file has the same mtime, as in reproducible images, these differ.
            "file": [status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size],
            "home": self._environ.get("HOME", ""),
        }


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
