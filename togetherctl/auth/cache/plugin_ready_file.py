"""Ready files of kubelogin's flags, which the digest of the words names; a bounded number of them is kept."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from togetherctl import fastpath
from togetherctl.auth.cache.ready_file import CLAIM, ReadyFiles, files_in, has_private, write_dated
from togetherctl.kube.exec_credential import V1, render
from togetherctl.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.config.types import Storage
    from togetherctl.plugin_words import PluginWords

# Each line of flags that differs has one, and lines change: a script may put another folder into every call.
_MOST = 64
# No login takes so long.
_DAY = 86_400


@dataclass(frozen=True)
class PluginReadyFiles(ReadyFiles):
    """The ready file of `words`, for a session in a file; that they may have one is decided before."""

    words: PluginWords

    def write(
        self, profile: str, key: str, storage: Storage, *, token: str, ask_again_at: float, until: float, now: float
    ) -> None:
        if profile != self.words.name or storage != "file" or not int(now) < int(until):
            return
        body = render(V1, token, ask_again_at)
        header = fastpath.header(
            profile,
            written=int(now),
            until=int(until),
            length=len(body),
            key=key,
            state="-",
            made_of=self.words.authorities,
        )
        folder = self.paths.ready
        with suppress(OSError):
            if has_private(folder):
                _make_room(folder, now)
                write_dated(folder / profile, f"{header}{body}\n", like=Path(self.words.sessions, f"{key}.json"))

    def is_good(self, profile: str, storage: Storage, *, now: float) -> bool:
        words = self.words
        try:
            return storage == "file" and bool(
                fastpath.read_ready(
                    str(self.paths.ready / profile),
                    named=words.name,
                    made_of=words.authorities,
                    sessions=words.sessions,
                    now=now,
                )
            )
        except (OSError, ValueError):
            return False


def _make_room(folder: Path, now: float) -> None:
    """Delete the oldest, so that there is room for one more, and what killed calls with other words left."""
    found, claims = list[Path](), list[Path]()
    for path in files_in(folder):
        if path.name.startswith("flags-"):
            found.append(path)
        elif path.name.startswith(f"{CLAIM}flags-"):
            claims.append(path)
    with suppress(OSError):
        if len(found) >= _MOST:
            found.sort(key=lambda path: path.lstat().st_mtime_ns)
            for path in found[: len(found) - _MOST + 1]:
                path.unlink()
        for path in claims:
            if path.lstat().st_mtime < now - _DAY:
                path.unlink()
