"""Doctor: find out what is wrong with the selected profiles, or with a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.tui.selection import Selection, count_or_name

if TYPE_CHECKING:
    from togetherctl.tui.context import AppContext


def examine(app: AppContext, selection: Selection) -> None:
    """Look at the marked profiles, else at the row under the cursor; without either, at everything."""
    from togetherctl.tui.screens.doctor import DoctorScreen

    clusters = [selection.cluster] if selection.cluster is not None and not selection.marked else []
    profiles = [] if clusters else list(selection.profiles)
    about = count_or_name(clusters or profiles) if clusters or profiles else ""
    app.push_screen(DoctorScreen(f"Doctor: {about}" if about else "Doctor", profiles, clusters))
