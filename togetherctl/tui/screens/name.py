"""Another name, checked as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.store import checks
from togetherctl.tui.screens.form import Form
from togetherctl.tui.screens.form import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class NewName(Form[str]):
    """Gives the name; it is none of `taken`."""

    def __init__(self, title: str, old: str, taken: Iterable[str], about: str) -> None:
        super().__init__(title)
        self._old = old
        self._taken = {name.casefold(): name for name in taken if name != old}
        self._about = about

    def fields(self) -> Iterable[Field]:
        yield Field("name", "New name", self._old, about=self._about)

    def check(self) -> Mapping[str, str]:
        text = self.field("name").text
        if text == self._old:
            return {}
        try:
            checks.name(text)
        except ValueError as error:
            return {"name": str(error)}
        taken = self._taken.get(text.casefold())
        return {"name": f"there is {taken} already"} if taken else {}

    def on_input_submitted(self) -> None:
        self.action_save()

    def save(self) -> None:
        text = self.field("name").text
        self.dismiss(None if text == self._old else text)
