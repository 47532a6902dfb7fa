"""Read a client secret from the environment, a file, a command or the keyring when it is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import IO, Literal

from togetherctl.config.types import HIDDEN
from togetherctl.config.value_checks import not_empty, words
from togetherctl.disk import read_whole
from togetherctl.environment import CALLERS, for_child
from togetherctl.errors import ConfigError, UsageError, run
from togetherctl.paths import expand

_KINDS = "{ env = … }, { file = … }, { command = […] }, { keyring = true } or a string"
_COMMAND_SECONDS = 60.0
_MAX_BYTES = MAX_CHARACTERS = 64 * 1024


@dataclass(frozen=True)
class SecretSource:
    """A reference to a secret, or the secret itself where its owner typed it; a repr shows neither."""

    kind: Literal["literal", "env", "file", "command", "keyring"]
    value: str | tuple[str, ...] = field(repr=False, default="")

    @classmethod
    def parse(cls, value: object) -> SecretSource:
        """The source a TOML value names. Raises ValueError."""
        match list(value.items()) if isinstance(value, dict) else value:
            case SecretSource() as source:
                return source
            case str(secret):
                return cls("literal", not_empty(secret))
            case [("env" | "file" as kind, str(name))] if name:
                return cls(kind, *words([name]))
            case [("command", list(command))] if command and all(isinstance(word, str) for word in command):
                return cls("command", tuple(words(command)))
            case [("keyring", True)]:
                return cls("keyring")
        raise ValueError(f"must be {_KINDS}")

    def shown(self) -> object:
        """The TOML value, without the secret."""
        if self.kind == "literal":
            return HIDDEN
        if self.kind == "keyring":
            return {"keyring": True}
        return {self.kind: list(self.value) if isinstance(self.value, tuple) else self.value}


def read_secret(
    source: SecretSource,
    *,
    profile: str,
    folder: Path,
    environ: Mapping[str, str],
    keyring_name: str,
    others: Callable[[], Collection[str]] = frozenset,
) -> str:
    """The secret of `profile`. Relative files lie beside the configuration in `folder`.

    `others` names the variables that hold secrets of the configuration, which a command is not given.

    Raises ConfigError where there is none to read, UsageError where the command asks for the profile it serves, and
    StorageError where the keyring is unusable.
    """
    match source.kind:
        case "literal":
            return str(source.value)
        case "env":
            return _from_environment(str(source.value), profile, environ)
        case "file":
            return _from_file(expand(str(source.value), environ, beside=folder), profile)
        case "command":
            return _from_command([str(word) for word in source.value], profile, for_child(environ, others()))
        case "keyring":
            return _from_keyring(keyring_name, profile)


def keyring_name(issuer: str, client_id: str) -> str:
    """What a client secret is called in the keyring: it belongs to a client at an issuer, not to a profile."""
    return f"client-secret {client_id} at {issuer}"


def refuse_recursion(profile: str, environ: Mapping[str, str]) -> None:
    """Raises UsageError where `profile` is already being served further up the chain of callers."""
    if profile in environ.get(CALLERS, "").split(","):
        raise UsageError(
            f"the client secret command of profile {profile} asked for profile {profile} again",
            hint="let that command use another profile, or another credential",
        )


def _from_environment(name: str, profile: str, environ: Mapping[str, str]) -> str:
    secret = environ.get(name, "")
    if not secret:
        raise ConfigError(
            f"the client secret of profile {profile} is read from the environment variable {name}, which is not set",
            hint=f"set {name}, or change client_secret of the profile",
        )
    return secret


def _from_file(path: Path, profile: str) -> str:
    try:
        data, _ = read_whole(path, limit=_MAX_BYTES)
    except OSError as error:
        raise ConfigError(
            f"the client secret of profile {profile} cannot be read from {path}: {error.strerror or error}"
        ) from None
    return _decode(data, f"the file {path}", profile)


def _from_command(command: list[str], profile: str, environ: Mapping[str, str]) -> str:
    callers = ",".join(filter(None, [environ.get(CALLERS, ""), profile]))
    said = f"the client secret command of profile {profile} ({command[0]})"
    try:
        code, output = _run(command, {**environ, CALLERS: callers})
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{said} did not end within {_COMMAND_SECONDS:.0f} s") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be run"
        raise ConfigError(f"{said} failed: {reason}") from None
    if len(output) > _MAX_BYTES:
        raise ConfigError(f"{said} printed more than {_MAX_BYTES // 1024} KiB; a client secret is one line of text")
    if code != 0:
        raise ConfigError(f"{said} ended with {code}")
    return _decode(output, f"the command {command[0]}", profile)


def _run(command: list[str], environ: Mapping[str, str]) -> tuple[int, bytes]:
    """The exit code of a command and what it printed, of which no more is read than a secret may have and a byte.

    Raises OSError, ValueError and subprocess.TimeoutExpired.
    """
    ends = monotonic() + _COMMAND_SECONDS
    # The command's own stderr stays the person's: a password manager may ask there.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0, env=dict(environ))
    output = bytearray()
    # A thread, because not every system can wait for a pipe with a deadline.
    reading = Thread(target=_read_into, args=(process.stdout, output), daemon=True)
    try:
        reading.start()
        reading.join(_COMMAND_SECONDS)
        if len(output) <= _MAX_BYTES:
            if reading.is_alive():
                raise subprocess.TimeoutExpired(command, _COMMAND_SECONDS)
            process.wait(max(ends - monotonic(), 0))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode, bytes(output)


def _read_into(stream: IO[bytes], output: bytearray) -> None:
    with stream:
        while len(output) <= _MAX_BYTES and (part := stream.read(_MAX_BYTES + 1 - len(output))):
            output += part


def _from_keyring(name: str, profile: str) -> str:
    from togetherctl import keyring_secrets

    secret = keyring_secrets.read(name)
    if secret is None:
        raise ConfigError(
            f"the client secret of profile {profile} is not in the keyring",
            hint=run("togetherctl", "profile", "secret", profile),
        )
    return secret


def _decode(data: bytes, origin: str, profile: str) -> str:
    try:
        secret = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret or not secret.isprintable():
        raise ConfigError(f"{origin} holds no client secret for profile {profile}; a client secret is one line of text")
    return secret
