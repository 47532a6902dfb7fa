"""Where something is to be imported from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.errors import UsageError
from togetherctl.loopback import is_safe
from togetherctl.sources.fetch import STANDARD_INPUT, recognise
from togetherctl.tui.screens.form import Form
from togetherctl.tui.widgets.field import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from togetherctl.tui.app import TogetherApp


class AskSource(Form[str]):
    """Gives a file or folder that is there, an https address, or the word `together`."""

    app: TogetherApp

    def __init__(self) -> None:
        super().__init__("Import clusters")

    def fields(self) -> Iterable[Field]:
        yield Field(
            "source",
            "Where from",
            usual="~/Downloads/oidc.yaml",
            about="A kubeconfig or a bundle that somebody sent: a file, a folder or an https address; "
            "or the word together, for Together AI by your API key. What it would change is shown first.",
        )

    def check(self) -> Mapping[str, str]:
        text = self.field("source").text
        if text == STANDARD_INPUT:
            return {"source": "there is no standard input here"}
        if "://" in text:
            return {} if is_safe(text) else {"source": "an address begins with https"}
        try:
            if text:
                recognise(text, self.app.world.environ)
        except UsageError as error:
            return {"source": error.message}
        return {}

    def on_input_submitted(self) -> None:
        self.action_save()

    def save(self) -> None:
        if self.field("source").text:
            self.dismiss(self.field("source").text)
