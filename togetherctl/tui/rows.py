"""What a row of the table shows: texts made of what is known and of the time, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from togetherctl.auth.session import State
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from togetherctl.auth.session import Token
    from togetherctl.store.store import Cluster
    from togetherctl.tui.looking import Looked

# How a text looks; the style sheet says with what.
Tone = Literal["plain", "dim", "good", "old", "bad", "busy"]


class Cell(NamedTuple):
    """One text of a row."""

    text: str
    tone: Tone = "plain"


class Column(NamedTuple):
    """A column: its title, the least and the most cells it takes, and what it shows."""

    id: str
    title: str
    least: int
    most: int
    cell: Callable[[Looked, float], Cell]


# A word and a shape each, so that no colour is needed to tell them apart.
_STATES: Mapping[State, Cell] = {
    State.VALID: Cell("● valid", "good"),
    State.STALE: Cell("◐ stale", "old"),
    State.EXPIRED: Cell("○ expired", "old"),
    State.LOGIN_REQUIRED: Cell("× log in", "bad"),
    State.NONE: Cell("· none", "dim"),
}
_BAR = 8
LONGEST_IDENTITY = 30


def state(row: Looked, now: float) -> Cell:
    """The state as a word and a shape."""
    if row.login is not None:
        return Cell("◌ login…", "busy")
    found = row.state(now)
    if found is None:
        return Cell("…", "dim")
    if found is State.NONE and row.trouble is not None:
        return Cell("× error", "bad")
    return _STATES[found]


def who(row: Looked, _now: float) -> Cell:
    """The identity of the session."""
    return Cell(printable(row.session.identity)) if row.session else Cell("-", "dim")


def left(row: Looked, now: float) -> Cell:
    """A bar that runs down, and the time there is left of the token."""
    token = token_of(row)
    if token is None:
        return Cell("-", "dim")
    tone = state(row, now).tone
    if token.expires_at <= now:
        return Cell(f"{until(now, token.expires_at)} ago", "dim")
    return Cell(f"{bar(share_left(token, now), _BAR)} {until(token.expires_at, now)}", tone)


def renews(row: Looked, _now: float) -> Cell:
    """Whether the session gets new tokens by itself."""
    if row.session is None:
        return Cell("-", "dim")
    return Cell("↻ yes") if row.session.refreshable else Cell("no", "dim")


def storage(row: Looked, _now: float) -> Cell:
    """Where the session is kept."""
    return Cell(row.profile.storage, "dim")


def trouble(row: Looked, now: float) -> Cell:
    """What went wrong last."""
    if row.trouble is None:
        return Cell("")
    return Cell(f"{until(now, row.trouble.at)} ago: {printable(row.trouble.message)}", "bad")


def issuer(row: Looked, _now: float) -> Cell:
    """The issuer without its scheme, which is nearly always the same."""
    return Cell(printable(row.profile.issuer.url.removeprefix("https://")), "dim")


# In the order in which they stand.
COLUMNS: tuple[Column, ...] = (
    Column("profile", "Profile", 8, 32, lambda row, _now: Cell(printable(row.name))),
    Column("who", "Who you are", 11, LONGEST_IDENTITY, who),
    Column("state", "State", 9, 9, state),
    Column("left", "Left", 16, 16, left),
    Column("renews", "Renews", 6, 6, renews),
    Column("storage", "Storage", 7, 7, storage),
    Column("issuer", "Issuer", 16, 48, issuer),
    Column("trouble", "Last error", 20, 80, trouble),
)
# In the order in which they get room; those from the fifth on are left out where there is none.
_FIRST = ("state", "left", "who", "profile", "renews", "storage", "trouble", "issuer")
_ALWAYS = 4


def fit(width: int, rows: Sequence[Looked], now: float) -> tuple[list[tuple[Column, int]], int]:
    """The columns there is room for in `width` cells, in the order they stand, each with its own width; and the gap.

    All of an identity of 30 characters is shown at 80 columns.
    """
    wanted = {column.id: _wanted(column, rows, now) for column in COLUMNS}
    if not any(row.trouble for row in rows):
        del wanted["trouble"]
    gap = 1
    least = {column.id: column.least for column in COLUMNS} | {"who": wanted["who"]}
    widths: dict[str, int] = {}
    room = width
    for index, name in enumerate(_FIRST):
        if name in wanted and (index < _ALWAYS or least[name] + gap <= room):
            widths[name] = least[name]
            room -= least[name] + gap
    if room < 0:
        # A window narrower than any terminal: who you are gives way.
        widths["who"] = max(widths["who"] + room, 1)
    for name in ("profile", *_FIRST):
        if name in widths and room > 0:
            more = min(room, wanted[name] - widths[name])
            widths[name] += max(more, 0)
            room -= max(more, 0)
    if room >= len(widths):
        gap = 2
    return [(column, widths[column.id]) for column in COLUMNS if column.id in widths], gap


def _wanted(column: Column, rows: Sequence[Looked], now: float) -> int:
    from rich.cells import cell_len

    if column.least == column.most:
        return column.most
    texts = [column.cell(row, now).text for row in rows]
    if column.id == "profile":
        # Clusters stand beneath, set in by their branch.
        texts += [f"  {printable(cluster.name)}" for row in rows for cluster in row.clusters]
    return max(column.least, min(column.most, max(map(cell_len, texts), default=0)))


def cluster_text(cluster: Cluster) -> str:
    """A cluster's line, after its name."""
    context = f"context {printable(cluster.context)}" if cluster.context != cluster.name else ""
    namespace = f"namespace {printable(cluster.namespace)}" if cluster.namespace else ""
    return "  ".join(part for part in (printable(cluster.server), context, namespace) if part)


def token_of(row: Looked) -> Token | None:
    """The token that clusters get."""
    return row.session.token(row.profile.token) if row.session else None


def share_left(token: Token, now: float) -> float:
    """How much of a token's life is left, from 0 to 1."""
    life = token.expires_at - token.obtained_at
    return min(max((token.expires_at - now) / life, 0.0), 1.0) if life > 0 else 0.0


def bar(share: float, width: int) -> str:
    """`share` of `width` cells as a heavy line, to half a cell, and a light one; some is heavy until the end."""
    halves = max(round(share * width * 2), 1 if share > 0 else 0)
    whole, half = divmod(halves, 2)
    return ("━" * whole + "╸" * half).ljust(width, "─")


def until(moment: float, now: float) -> str:
    """How long until `moment`, short enough for a column: `2d 5h`, `3h 20m`, `4m 05s`, `40s`."""
    minutes, seconds = divmod(max(int(moment - now), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"


# Filtering and sorting

_URGENCY = {State.LOGIN_REQUIRED: 0, State.EXPIRED: 1, State.STALE: 2, State.VALID: 3, State.NONE: 4, None: 5}


def matches(row: Looked, words: str, now: float) -> bool:
    """Whether every word of a filter stands somewhere in a profile, its session or its clusters."""
    text = "\n".join(
        (
            row.name,
            row.profile.issuer.name,
            row.profile.issuer.url,
            row.profile.storage,
            row.session.identity if row.session else "",
            state(row, now).text,
            *(f"{cluster.name} {cluster.server} {cluster.context}" for cluster in row.clusters),
        )
    ).casefold()
    return all(word in text for word in words.casefold().split())


# The columns that rows can be sorted by; first the order of the store.
SORTS = ("store", "profile", "who", "state", "left", "issuer")


def in_order(rows: Iterable[Looked], by: str, now: float) -> list[Looked]:
    """`rows` sorted by one of `SORTS`; rows that are equal stay as they stand in the store."""
    found = list(rows)
    if by == "profile":
        found.sort(key=lambda row: row.name.casefold())
    elif by == "who":
        found.sort(key=lambda row: (row.session is None, row.session.identity.casefold() if row.session else ""))
    elif by == "state":
        found.sort(key=lambda row: _URGENCY[row.state(now)])
    elif by == "left":
        found.sort(key=lambda row: token.expires_at if (token := token_of(row)) else float("inf"))
    elif by == "issuer":
        found.sort(key=lambda row: row.profile.issuer.url)
    return found
