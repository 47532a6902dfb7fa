"""Where something is to be imported from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.loopback import is_safe
from togetherctl.paths import expand
from togetherctl.tui.screens.form import Form
from togetherctl.tui.widgets.field import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from togetherctl.tui.app import TogetherApp


class AskSource(Form[str]):
    """Gives a file that is there, or an https address."""

    app: TogetherApp

    def __init__(self) -> None:
        super().__init__("Import from a file")

    def fields(self) -> Iterable[Field]:
        yield Field(
            "source",
            "File or https address",
            usual="~/Downloads/oidc.yaml",
            about="The kubeconfig that somebody sent, or a bundle: togetherctl profile export. "
            "What it would change is shown first.",
        )

    def check(self) -> Mapping[str, str]:
        text = self.field("source").text
        if "://" in text:
            return {} if is_safe(text) else {"source": "an address begins with https"}
        if text and not expand(text, self.app.world.environ).is_file():
            return {"source": "there is no such file"}
        return {}

    def on_input_submitted(self) -> None:
        self.action_save()

    def save(self) -> None:
        if self.field("source").text:
            self.dismiss(self.field("source").text)
