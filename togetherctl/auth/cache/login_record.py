"""The record of a login that is under way, or failed: `KEY.login`, which holds no secret."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from togetherctl.disk import is_ours, open_to_others, read_whole, remove, sweep_folder, write_whole
from togetherctl.lock import Owner, this_machine
from togetherctl.quick_json import loads
from togetherctl.records import asdict, dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VERSION = 1
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class LoginRecord:
    """One login. Times are in seconds since 1970.

    While it is under way: its `owner` (a process ID) and that process's `machine`, since when, and the `address` of its
    page. Once it `failed_at`: why (`code`, `message`), until when no other tab is opened, and how many `failures` there
    were in a row. `second_chance` is a login that followed one whose owner had died; `timed_out` one without an answer,
    after which those who waited may try once more.
    """

    owner: int
    opened_at: float
    address: str = ""
    second_chance: bool = False
    failures: int = 0
    failed_at: float | None = None
    until: float = 0.0
    code: str = ""
    message: str = ""
    machine: str = ""
    timed_out: bool = False

    @property
    def under_way(self) -> bool:
        return self.failed_at is None

    @property
    def is_abandoned(self) -> bool:
        """Whether its process is certainly gone; one on another machine, which shares this home, may be at work."""
        return Owner(self.owner, self.machine).is_dead()


class LoginFile:
    """The record of one session. It matters less than the login itself: what cannot be read or written is let go."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> LoginRecord | None:
        """The record, or None where there is none that can be understood."""
        try:
            data, status = read_whole(self._path, limit=_MAX_BYTES, follow=False)
            if not is_ours(status) or open_to_others(status):
                return None
            return _decode(loads(data))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return None

    def write(self, record: LoginRecord) -> None:
        import json

        fields = {"version": _VERSION, **asdict(record), "machine": record.machine or this_machine()}
        with suppress(OSError):
            sweep_folder(self._path.parent, beside=self._path.name, alone=True)
            write_whole(self._path, json.dumps(fields).encode("ascii") + b"\n", sweep=False)

    def clear(self) -> None:
        with suppress(OSError):
            remove(self._path)


def _decode(fields: dict[str, Any]) -> LoginRecord | None:
    if fields.pop("version") != _VERSION:
        return None
    failed_at = fields["failed_at"]
    return LoginRecord(
        owner=int(fields["owner"]),
        opened_at=float(fields["opened_at"]),
        address=str(fields["address"]),
        second_chance=fields["second_chance"] is True,
        failures=int(fields["failures"]),
        failed_at=None if failed_at is None else float(failed_at),
        until=float(fields["until"]),
        code=str(fields["code"]),
        message=str(fields["message"]),
        machine=str(fields.get("machine", "")),
        timed_out=fields.get("timed_out") is True,
    )
