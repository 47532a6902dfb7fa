"""What an act is about: profiles and clusters of a selection, as the app knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.looking import Looked
    from togetherctl.tui.selection import Selection


def chosen(app: TogetherApp, selection: Selection) -> list[Looked]:
    """The profiles that are meant, the first of each session."""
    rows = [app.rows[name] for name in selection.profiles if name in app.rows]
    return list({row.profile.key: row for row in reversed(rows)}.values())[::-1]


def clusters(app: TogetherApp, selection: Selection) -> list[str]:
    """The cluster under the cursor, else all of the profiles that are meant."""
    if selection.cluster is not None and not selection.marked:
        return [selection.cluster]
    return [cluster.name for name in selection.profiles if name in app.rows for cluster in app.rows[name].clusters]


def keys(rows: Iterable[Looked]) -> frozenset[str]:
    """Whose sessions these are."""
    return frozenset(row.profile.key for row in rows)


def called(names: Iterable[str], kind: str = "profile") -> str:
    """`acme`, or `3 profiles`."""
    given = list(names)
    return given[0] if len(given) == 1 else f"{len(given)} {kind}s"
