"""The columns and cells of the table of profiles, and how its rows are filtered and sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, get_args

from togetherctl.auth.session import Token
from togetherctl.config.config import Cluster
from togetherctl.humanize import time_left
from togetherctl.printable import printable
from togetherctl.usecases.session_snapshot import STATES, URGENCY, SessionSnapshot, Tone

if TYPE_CHECKING:
    from togetherctl.usecases.kubeconfig_state import KubeconfigState

# The tones of texts as component classes, to which the style sheet gives colours.
TONES = frozenset(f"tone--{tone}" for tone in get_args(Tone))


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
    cell: Callable[[SessionSnapshot, float], Cell]


_BAR = 8
LONGEST_IDENTITY = 30


def state(row: SessionSnapshot, now: float) -> Cell:
    """The state as a word and a shape."""
    words = STATES[row.state_name(now)]
    return Cell(words.label, words.tone)


def who(row: SessionSnapshot, _now: float) -> Cell:
    """The identity of the session."""
    return Cell(printable(row.session.identity)) if row.session else Cell("-", "dim")


def left(row: SessionSnapshot, now: float) -> Cell:
    """A bar that runs down, and the time left of the token."""
    token = row.token
    if token is None:
        return Cell("-", "dim")
    if token.expires_at <= now:
        return Cell(f"{time_left(now - token.expires_at)} ago", "dim")
    return Cell(f"{bar(share_left(token, now), _BAR)} {time_left(token.expires_at - now)}", state(row, now).tone)


def renews(row: SessionSnapshot, _now: float) -> Cell:
    """Whether the session gets new tokens by itself."""
    if row.session is None:
        return Cell("-", "dim")
    return Cell("↻ yes") if row.session.refreshable else Cell("no", "dim")


def storage(row: SessionSnapshot, _now: float) -> Cell:
    """Where the session is kept."""
    return Cell(row.profile.storage, "dim")


def trouble(row: SessionSnapshot, now: float) -> Cell:
    """The last error."""
    if row.trouble is None:
        return Cell("")
    return Cell(f"{time_left(now - row.trouble.at)} ago: {printable(row.trouble.message)}", "bad")


def issuer(row: SessionSnapshot, _now: float) -> Cell:
    """The issuer without its scheme, which is nearly always the same."""
    return Cell(printable(row.profile.issuer.url.removeprefix("https://")), "dim")


# From left to right.
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
# In the order in which they get room; the fifth and later ones are left out where there is none.
_FIRST = ("state", "left", "who", "profile", "renews", "storage", "trouble", "issuer")
_ALWAYS = 4


def fit(width: int, rows: Sequence[SessionSnapshot], now: float) -> tuple[list[tuple[Column, int]], int]:
    """The columns that fit in `width` cells, from left to right, each with its width; and the gap between them.

    All of an identity of 30 characters is shown at 80 columns.
    """
    wanted = {column.id: _measure(column, rows, now) for column in COLUMNS}
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
        # A window narrower than any terminal: the identity gives way.
        widths["who"] = max(widths["who"] + room, 1)
    for name in ("profile", *_FIRST):
        if name in widths and room > 0:
            more = min(room, wanted[name] - widths[name])
            widths[name] += max(more, 0)
            room -= max(more, 0)
    if room >= len(widths):
        gap = 2
    return [(column, widths[column.id]) for column in COLUMNS if column.id in widths], gap


def _measure(column: Column, rows: Sequence[SessionSnapshot], now: float) -> int:
    from rich.cells import cell_len

    if column.least == column.most:
        return column.most
    texts = {column.cell(row, now).text for row in rows}
    if column.id == "profile":
        # Clusters are in the lines below, indented by their branch.
        texts |= {f"  {printable(cluster.name)}" for row in rows for cluster in row.clusters}
    return max(column.least, min(column.most, max(map(cell_len, texts), default=0)))


def cluster_text(cluster: Cluster, kubeconfig: KubeconfigState | None = None) -> Cell:
    """A cluster's line, after its name."""
    context = f"context {printable(cluster.context)}" if cluster.context != cluster.name else ""
    namespace = f"namespace {printable(cluster.namespace)}" if cluster.namespace else ""
    differs = "the kubeconfig differs" if kubeconfig is not None and cluster.name in kubeconfig.drift else ""
    parts = (printable(cluster.server), differs, context, namespace)
    return Cell("  ".join(part for part in parts if part), "old" if differs else "dim")


def kubeconfig_marks(clusters: Iterable[Cluster], kubeconfig: KubeconfigState | None) -> tuple[str, str]:
    """`*` if the current context is of one of these clusters, and `!` if the kubeconfig differs; else blanks."""
    if kubeconfig is None:
        return " ", " "
    names = {cluster.name for cluster in clusters}
    return "*" if kubeconfig.current_cluster in names else " ", " " if names.isdisjoint(kubeconfig.drift) else "!"


def share_left(token: Token, now: float) -> float:
    """How much of a token's life is left, from 0 to 1."""
    life = token.expires_at - token.obtained_at
    return min(max((token.expires_at - now) / life, 0.0), 1.0) if life > 0 else 0.0


def bar(share: float, width: int) -> str:
    """`share` of `width` cells as a heavy line, to half a cell, and a light one; some is heavy until the end."""
    halves = max(round(share * width * 2), 1 if share > 0 else 0)
    whole, half = divmod(halves, 2)
    return ("━" * whole + "╸" * half).ljust(width, "─")


# Filtering and sorting


def matches(row: SessionSnapshot, words: str, now: float) -> bool:
    """Whether a profile, its session or its clusters hold every word of a filter."""
    if not words:
        return True
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


# What rows can be sorted by; first the order of the configuration. Missing values come last.
_SORT_KEYS: Mapping[str, Callable[[SessionSnapshot, float], tuple[bool, str | float]]] = {
    "store": lambda _row, _now: (False, 0),
    "profile": lambda row, _now: (False, row.name.casefold()),
    "who": lambda row, _now: (row.session is None, row.session.identity.casefold() if row.session else ""),
    "state": lambda row, now: (False, URGENCY[row.state_name(now)]),
    "left": lambda row, _now: (row.token is None, row.token.expires_at if row.token else 0),
    "issuer": lambda row, _now: (False, row.profile.issuer.url),
}
SORTS = tuple(_SORT_KEYS)


def in_order(rows: Iterable[SessionSnapshot], by: str, now: float) -> list[SessionSnapshot]:
    """`rows` sorted by one of `SORTS`; equal rows keep the order of the configuration."""
    return sorted(rows, key=lambda row: _SORT_KEYS[by](row, now))
