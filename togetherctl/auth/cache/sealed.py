"""Sessions encrypted on disk, as sealed JSON; the key is in the keyring.

    {"version": 1, "sealed": BOX, "key": ID}

BOX is a nonce and the session's record under ChaCha20-Poly1305 (RFC 8439) in base64. It is bound to the version, to
KEY, which is the file's name, and to ID, which tells one sealing key from another and gives nothing away.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from togetherctl.auth.cache import record
from togetherctl.errors import StorageError, also

if TYPE_CHECKING:
    from togetherctl.auth.cache.sealing_key import SealingKey
    from togetherctl.auth.session import Session
    from togetherctl.config.profile_hints import ProfileHints

_NONCE_BYTES = 12


class Sealed:
    """The form of session files under `storage = "keyring"`; `ways` are named in hints."""

    def __init__(self, key: SealingKey, ways: ProfileHints, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self._key = key
        self._ways = ways
        self._random = random

    def ready(self) -> None:
        """Have the key at hand, made where there is none yet. Raises StorageError."""
        with self._way_out():
            self._key.make()

    def encode(self, key: str, session: Session) -> bytes:
        """The session of KEY as it is written. Raises StorageError."""
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        with self._way_out():
            secret = self._key.make()
        # Random nonces of 96 bits are safe for billions of writes with one key.
        nonce = self._random(_NONCE_BYTES)
        box = ChaCha20Poly1305(secret).encrypt(nonce, record.encode(session), _bind_to(key, secret))
        fields = {"version": record.VERSION, "sealed": b64encode(nonce + box).decode("ascii"), "key": _id(secret)}
        return json.dumps(fields, indent=1).encode("ascii") + b"\n"

    def decode(self, key: str, data: bytes) -> Session:
        """The session of KEY. Raises NewerRecord, BrokenRecord and ClosedRecord, and StorageError."""
        fields = record.parse(data)
        if "sealed" not in fields:
            raise self._refuse_plain(data)
        box, name = _read_box(fields)
        with self._way_out():
            secret = self._key.read()
        if secret is None or _id(secret) != name:
            raise record.ClosedRecord(
                "is sealed with a key that the keyring does not hold"
                + (" any more" if secret is None else "; it holds another one"),
                hint=self._ways.login,
            )
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        try:
            opened = ChaCha20Poly1305(secret).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bind_to(key, secret))
        except (InvalidTag, ValueError):
            raise record.BrokenRecord from None
        return record.decode(opened)

    @contextmanager
    def _way_out(self) -> Iterator[None]:
        """What to do without the keyring, said with everything that is wrong with it."""
        from togetherctl.keyring_secrets import NoKeyring

        try:
            yield
        except StorageError as error:
            other = self._ways.storage("file")
            if error.remedy and not isinstance(error, NoKeyring):
                words = "or do without the keyring" + ("" if other.command else f": {other}")
                error.remedy = also(error.remedy, replace(other, text=words))
            else:
                error.remedy = other
            raise

    def _refuse_plain(self, data: bytes) -> Exception:
        """What to raise for a file that is not sealed."""
        record.decode(data)
        return record.ClosedRecord(
            "holds tokens that are not sealed, and this profile keeps its session sealed",
            hint=self._ways.storage("keyring"),
        )


def _bind_to(key: str, secret: bytes) -> bytes:
    return f"togetherctl session {record.VERSION} {key} {_id(secret)}".encode("ascii")


def _id(secret: bytes) -> str:
    """What tells one key from another: a digest of 32 random bytes gives nothing of them away."""
    return hashlib.sha256(b"togetherctl sealing key\0" + secret).hexdigest()[:16]


def _read_box(fields: dict[str, object]) -> tuple[bytes, str]:
    box, name = fields["sealed"], fields.get("key")
    if not isinstance(box, str) or not isinstance(name, str):
        raise record.BrokenRecord
    try:
        return b64decode(box, validate=True), name
    except ValueError:
        raise record.BrokenRecord from None
