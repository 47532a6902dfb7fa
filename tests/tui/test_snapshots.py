"""Each screen as a person sees it, small and wide: the same words in dark and light, and colours that can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from textual.screen import ModalScreen

from tests.support.screens import becomes, strips
from togetherctl.auth.prompter import DeviceCode
from togetherctl.errors import run
from togetherctl.tui.job import Job
from togetherctl.tui.job_prompter import LineQuestion, Page
from togetherctl.tui.screens.add import AddScreen
from togetherctl.tui.screens.dialog import Question, UseQuestion
from togetherctl.tui.screens.edit import EditScreen
from togetherctl.tui.screens.form import AskSource
from togetherctl.tui.screens.job import JobScreen
from togetherctl.tui.widgets.details import DetailsScreen

if TYPE_CHECKING:
    from rich.color import Color
    from rich.color_triplet import ColorTriplet
    from rich.style import Style

    from tests.tui.conftest import Open
    from tests.tui.person import Person
    from togetherctl.wiring import World

pytestmark = pytest.mark.anyio

SIZES = {"80x24": (80, 24), "200x60": (200, 60)}
# Large or bold text wants 3 to 1 (WCAG 2.2, 1.4.3); lines that only divide are no text.
_CONTRAST = 3.0
_LINES = set(" ─│╭╮╰╯├└┌┐┘┤┬┴┼━╸╺▏▎▍▌▋▊▉█▐▔▁▂▃▄▅▆▇▀■□")
_DIFF = """\
--- ~/.kube/config
+++ ~/.kube/config
@@ -1,2 +1,7 @@
 apiVersion: v1
 kind: Config
+clusters:
+- name: east
+  cluster:
+    server: https://east.k8s.acme.com:6443
-current-context: lab
"""


def _log_in(device: DeviceCode | None) -> Job[None]:
    job = Job("Log in: acme", lambda _world, _work: None)
    job.begin("acme", "Logging in …")
    job.prompter.shown = Page(device.uri if device else "https://login.acme.com/authorize?client_id=k8s", True, device)  # noqa: FBT003 # opened
    return job


def _long_wait() -> Job[None]:
    """A login whose browser has not come back for some seconds."""
    job = _log_in(None)
    job.prompter.paste_here = LineQuestion("Paste the address of the browser's last page:", hidden=True)
    words = "client k8s must be registered there with the redirect URI http://localhost:8000, to the letter"
    job.prompter.advise(
        "The browser has not come back yet. If it cannot open its last page: paste its address here and press Enter.",
        run("togetherctl", "issuer", "check", "acme", "--client-id", "k8s", words=words),
    )
    return job


def _shown_by(name: str, table: Person) -> object:
    """Bring one screen up; gives the class of the screen, None for the table itself."""
    app = table.app
    if name == "question":
        app.push_screen(Question("Log out: acme", "Log me@acme.com out?", ["Tokens are revoked and deleted."]))
        return Question
    if name == "use":
        asked = "Added lab. Write its cluster to ~/.kube/config, for kubectl?"
        app.push_screen(UseQuestion("Add profile: lab", asked, diff=_DIFF))
        return UseQuestion
    if name == "diff":
        app.push_screen(
            Question("Write kubeconfig", "Write this?", ["! https://east.k8s.acme.com is new here."], diff=_DIFF)
        )
        return Question
    if name in ("waiting", "paste"):
        app.push_screen(JobScreen(_long_wait()))
        return JobScreen
    if name in ("login", "device"):
        device = DeviceCode("https://login.acme.com/device", "WDJB-MJHT") if name == "device" else None
        app.push_screen(JobScreen(_log_in(device)))
        return JobScreen
    return None


KEYS = {"details": "enter", "help": "question_mark", "edit": "e", "add": "a", "import": "i"}
SCREENS = [
    (name, size)
    for name in (
        "home",
        "details",
        "help",
        "edit",
        "add",
        "import",
        "question",
        "use",
        "diff",
        "login",
        "waiting",
        "paste",
        "device",
    )
    for size in SIZES
    # There, details stand beside the table, so home shows them.
    if (name, size) != ("details", "200x60")
]


@pytest.mark.parametrize(("name", "size"), SCREENS)
async def test_a_screen(name: str, size: str, opened: Open, demo: Callable[..., World]) -> None:
    async with opened(SIZES[size], demo) as table:
        before = table.app.screen
        kind = _shown_by(name, table)
        if name in KEYS:
            await table.pilot.press(KEYS[name])
        if name != "home":
            await table.until(lambda: table.app.screen is not before)
        kind = {"edit": EditScreen, "details": DetailsScreen, "add": AddScreen, "import": AskSource}.get(name, kind)
        if kind is not None:
            await table.until(lambda: isinstance(table.app.screen, kind))  # type: ignore[arg-type] # a class, see above
        if name == "paste":
            await table.press("p")
        await becomes(table.pilot, f"{name}-{size}")
        await can_be_read(table)
        dark = colours(table)
        table.app.theme = "together-light"
        await table.until(lambda: not colours(table) & dark, f"other colours than {dark}")
        await becomes(table.pilot, f"{name}-{size}")
        await can_be_read(table)
        assert not colours(table) & dark


@pytest.mark.parametrize("size", SIZES)
async def test_the_welcome(size: str, opened: Open) -> None:
    async with opened(SIZES[size]) as table:
        await table.shows("Welcome")
        await becomes(table.pilot, f"welcome-{size}")
        await can_be_read(table)
        dark = colours(table)
        table.app.theme = "together-light"
        await table.until(lambda: not colours(table) & dark, f"other colours than {dark}")
        await becomes(table.pilot, f"welcome-{size}")
        await can_be_read(table)


async def can_be_read(table: Person) -> None:
    """Wait until the colours of all text are far enough from what is behind it; a screen fades in."""
    await table.until(lambda: not list(unreadable(table)), "colours that can be read")


def _styled(table: Person) -> Iterator[tuple[str, Style]]:
    """All text, but what lies dimmed behind a box."""
    screen = table.app.screen
    box = screen.children[0].region if isinstance(screen, ModalScreen) else screen.region
    for line, strip in enumerate(strips(table.app)):
        column = 0
        for segment in strip:
            inside = line in box.line_range and column in box.column_range
            column += segment.cell_length
            if inside and segment.style is not None and set(segment.text) - _LINES:
                yield segment.text, segment.style


def colours(table: Person) -> set[tuple[Color | None, Color | None]]:
    """Every pair of colours that text is in."""
    return {(style.color, style.bgcolor) for _, style in _styled(table)}


def unreadable(table: Person) -> Iterator[tuple[str, float]]:
    """Text whose colour is too near to what is behind it, and its contrast."""
    for text, style in _styled(table):
        if style.color is None or style.bgcolor is None:
            continue
        ratio = _contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor())
        if ratio < _CONTRAST:
            yield text, round(ratio, 2)


def _contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: ColorTriplet) -> float:
    parts = [part / 255 for part in color]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
