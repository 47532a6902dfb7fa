"""Watches for secrets: what an issuer gave out must not be in anything that was printed, logged or left lying about."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_SHORTEST = 8


@dataclass
class Canary:
    """Secrets handed out so far, and everything seen so far; the report of a failed test shows neither."""

    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    seen: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def watch(self, kind: str, secret: str) -> str:
        """Remember a secret; gives it back, so that it can be watched where it is made."""
        if len(secret) >= _SHORTEST:
            self.secrets[secret] = kind
        return secret

    def saw(self, where: str, text: str) -> None:
        """Text that a person, a log or a file could hold."""
        if text:
            self.seen.append((where, text))

    def leaks(self) -> list[str]:
        """Every place where a secret was seen, without the secret."""
        return sorted(
            {
                f"{kind} in {where}"
                for where, text in self.seen
                for secret, kind in self.secrets.items()
                if secret in text
            }
        )

    def look_through(self, folder: Path, *, but: frozenset[str]) -> None:
        """See every file below `folder`, except in folders called one of `but`."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not but.intersection(path.relative_to(folder).parts):
                self.saw(str(path.relative_to(folder)), path.read_bytes().decode("utf-8", "replace"))
