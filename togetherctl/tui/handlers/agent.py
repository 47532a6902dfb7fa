"""Agent: what it hands out to whom, and what waits for the person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from togetherctl.tui.context import AppContext
    from togetherctl.tui.selection import Selection


def show(app: AppContext, _selection: Selection) -> None:
    """Open the agent's screen; nothing on it depends on a row."""
    from togetherctl.tui.screens.agent import AgentScreen

    app.push_screen(AgentScreen())
