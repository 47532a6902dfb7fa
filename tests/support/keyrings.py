"""Keyrings for tests: some that work, and some that refuse the way real ones do."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, PasswordSetError


class InMemory(KeyringBackend):
    """A keyring that works, counts what it was asked, and is gone afterwards."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring's has no types
        self.kept: dict[tuple[str, str], str] = {}
        self.asked: Counter[str] = Counter()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked["get"] += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked["set"] += 1
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class InAFile(InMemory):
    """A keyring that processes share; `PYTHON_KEYRING_BACKEND` chooses it. No lock, so a race would show."""

    @property
    def _path(self) -> Path:
        return Path(os.environ["HOME"]) / "secrets" / "keyring.json"

    def _entries(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path.parent.mkdir(exist_ok=True)
        temporary = self._path.with_name(f"{os.getpid()}")
        temporary.write_text(json.dumps({**self._entries(), f"{service} {username}": password}), encoding="utf-8")
        time.sleep(0.2)  # long enough for everyone who found nothing to write something of their own
        temporary.replace(self._path)


class Refusing(InMemory):
    """Raises `error` at every question, and counts them."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        self.asked["get"] += 1
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked["set"] += 1
        raise self.error


class ReadOnly(InMemory):
    """Has nothing, and takes nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError("no")


class Silent(InMemory):
    """Waits for a person who does not come."""

    def get_password(self, service: str, username: str) -> str | None:
        self.asked["get"] += 1
        time.sleep(60)
        return None


def locked() -> Refusing:
    return Refusing(KeyringLocked("locked, and more that a backend says"))


def unopened() -> Refusing:
    return Refusing(InitError("prompt dismissed"))
