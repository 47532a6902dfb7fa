"""The JSON form of a session, with a version."""

from __future__ import annotations

from togetherctl.auth.session import LATEST, LastError, Session, Token
from togetherctl.config.profile_hints import ProfileHints
from togetherctl.errors import Remedy
from togetherctl.quick_json import loads
from togetherctl.records import asdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1


class NewerRecord(Exception):
    """Written by a newer togetherctl."""


class BrokenRecord(Exception):
    """Not a session: cut short, changed, or never one."""


class ClosedRecord(Exception):
    """A session that this form cannot open: why, in words that follow the file's name, and the way out."""

    def __init__(self, reason: str, *, hint: Remedy) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = hint


class Plain:
    """The form of session files under `storage = "file"`; `ways` are named in hints."""

    def __init__(self, ways: ProfileHints | None = None) -> None:
        self._ways = ways or ProfileHints()

    def ready(self) -> None:
        """Nothing is needed."""

    def encode(self, key: str, session: Session) -> bytes:
        """The session as it is written."""
        return encode(session)

    def decode(self, key: str, data: bytes) -> Session:
        """Raises NewerRecord, BrokenRecord and ClosedRecord."""
        fields = parse(data)
        if "sealed" in fields:
            raise ClosedRecord(
                "is sealed with a key from the keyring, which this profile does not use", hint=self._name_way_out()
            )
        return _session(fields)

    def _name_way_out(self) -> Remedy:
        keyring = self._ways.storage("keyring")
        if self._ways.configless:
            return Remedy(f"a profile in the configuration keeps it there; {keyring} here, too, and log in once more")
        login = self._ways.login
        return Remedy(f"to use that session: {keyring}; or log in again", login.command)


def encode(session: Session) -> bytes:
    """The session as it is written."""
    import json

    return json.dumps({"version": VERSION, **asdict(session)}, indent=1).encode("utf-8") + b"\n"


def parse(data: bytes) -> dict[str, Any]:
    """The fields of a session file, whatever its form. Raises NewerRecord or BrokenRecord."""
    try:
        fields = loads(data)
        version = fields.pop("version")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise BrokenRecord from None
    if isinstance(version, int) and version > VERSION:
        raise NewerRecord
    if version != VERSION or not isinstance(fields, dict):
        raise BrokenRecord
    return fields


def decode(data: bytes) -> Session:
    """The session in a record that is not sealed. Raises NewerRecord or BrokenRecord."""
    return _session(parse(data))


def _session(fields: dict[str, Any]) -> Session:
    try:
        return Session(
            issuer=_text(fields.pop("issuer")),
            client_id=_text(fields.pop("client_id")),
            subject=_text(fields.pop("subject")),
            identity=_text(fields.pop("identity")),
            id_token=_token(fields.pop("id_token")),
            access_token=_token(fields.pop("access_token")),
            refresh_token=_secret(fields.pop("refresh_token")),
            scope=_text(fields.pop("scope")),
            refused=fields.pop("refused") is True,
            last_error=_last_error(fields.pop("last_error")),
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise BrokenRecord from None


def _token(fields: dict[str, Any] | None) -> Token | None:
    if fields is None:
        return None
    value = _secret(fields["value"])
    if value is None:
        raise BrokenRecord
    return Token(value, _time(fields["obtained_at"]), _time(fields["expires_at"]))


def _last_error(fields: dict[str, Any] | None) -> LastError | None:
    if fields is None:
        return None
    timed_out = fields.get("timed_out") is True
    return LastError(_time(fields["at"]), _text(fields["code"]), _text(fields["message"]), timed_out)


def _secret(value: object) -> str | None:
    if value is None:
        return None
    # A token goes into headers and one line of JSON; anything else was never one.
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise BrokenRecord
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BrokenRecord
    return value


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < LATEST:
        raise BrokenRecord
    return float(value)
