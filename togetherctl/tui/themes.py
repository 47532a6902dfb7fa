"""The app's own themes, dark and light."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="together-dark",
    primary="#7aa2f7",
    secondary="#9d8cff",
    accent="#7dcfff",
    success="#8fce7e",
    warning="#e0af68",
    error="#f7768e",
    foreground="#d5d9e5",
    background="#12141c",
    surface="#191c27",
    panel="#1f2330",
    dark=True,
)
LIGHT = Theme(
    name="together-light",
    primary="#2f5fd0",
    secondary="#6b4fd8",
    accent="#0b7285",
    success="#2b7a2b",
    warning="#9a6200",
    error="#c0263f",
    foreground="#1d2330",
    background="#fafbfd",
    surface="#f1f3f8",
    panel="#e6e9f1",
    dark=False,
)
