"""Put a client secret that leaves a kubeconfig into the keyring, a variable or a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from togetherctl.config.client_secret import SecretSource
from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.errors import StorageError, UsageError, os_error_as
from togetherctl.paths import expand

FORMS = "keyring, env:NAME or file:PATH"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class SecretPlace:
    """What `--secret` says; `value` is the variable's name or the file's path."""

    kind: Literal["keyring", "env", "file"]
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> SecretPlace:
        """Raises UsageError."""
        match text.strip().partition(":"):
            case ("keyring", _, ""):
                return cls("keyring")
            case ("env", _, value) if _VARIABLE.fullmatch(value):
                return cls("env", value)
            case ("file", _, value) if value and all(char >= " " for char in value):
                return cls("file", value)
        if text.startswith("env:"):
            raise UsageError("a variable's name is made of letters, digits and _, as in ACME_SECRET")
        if text == "file:":
            raise UsageError("type the path of a file")
        raise UsageError(f"a client secret can be kept in {FORMS}")

    def __str__(self) -> str:
        """In a sentence, after "to"."""
        if self.kind == "keyring":
            return "the keyring"
        return self.value if self.kind == "file" else f"the variable {self.value}, which you set yourself"

    def reference(self, environ: Mapping[str, str]) -> object:
        """What the configuration says of it."""
        absolute = self.kind == "file" and not self.value.startswith("~")
        return SecretSource(self.kind, str(expand(self.value, environ)) if absolute else self.value).shown()

    def keep(self, secret: str, *, keyring_name: str, environ: Mapping[str, str]) -> str:
        """Put the secret there, where that is ours to do; what is left for the person, or nothing.

        Raises StorageError, and UsageError where something else is in that file.
        """
        if self.kind == "keyring":
            from togetherctl import keyring_secrets

            if keyring_secrets.read(keyring_name) != secret:
                keyring_secrets.write(keyring_name, secret)
            return ""
        if self.kind == "env":
            if environ.get(self.value) == secret:
                return f"the client secret is read from {self.value}, which is set to it here"
            return f"set {self.value} to the client secret before the next kubectl; the backup still holds it"
        self.refuse_other_file(secret, environ)
        path = expand(self.value, environ)
        if not os.path.lexists(path):
            with os_error_as(StorageError, f"the client secret cannot be written to {path}"):
                make_private_folder(path.parent)
                write_whole(path, f"{secret}\n".encode())
        return ""

    def refuse_other_file(self, secret: str, environ: Mapping[str, str]) -> None:
        """Raises UsageError where something else is in that file already."""
        path = expand(self.value, environ)
        if os.path.lexists(path):
            with os_error_as(UsageError, f"the client secret cannot go to {path}"):
                there, _ = read_whole(path, limit=_MAX_BYTES)
            if there.strip() != secret.encode().strip():
                raise UsageError(f"{path} holds something else already", hint="name a file that is not there yet")
