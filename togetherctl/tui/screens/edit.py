"""Editing an entry of the store, each key checked as it is typed by what checks the store itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from togetherctl.actions.changing import ChangedMeanwhile, Edit, change, problems_with
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.store.editing import TABLES, section
from togetherctl.tui.conversation import Talk
from togetherctl.tui.screens.form import Form
from togetherctl.tui.values import as_text, as_value, choices, default
from togetherctl.tui.widgets.field import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from togetherctl.store.choices import Kind
    from togetherctl.tui.app import TogetherApp


class EditScreen(Form[None]):
    """Every key of the entry `name`, as `data` of the store has it."""

    app: TogetherApp

    def __init__(self, kind: Kind, name: str, data: Mapping[str, Any]) -> None:
        super().__init__(f"Edit {kind}: {name}")
        self._kind: Kind = kind
        self._name_of = name
        self._data = data
        self._seen: Mapping[str, Any] = data[section(kind)][name]

    def fields(self) -> Iterable[Field]:
        for key, model in TABLES[self._kind].model_fields.items():
            value = self._seen.get(key)
            yield Field(
                key,
                key,
                as_text(self._kind, key, value) if value is not None else "",
                usual=default(self._kind, key) if not model.is_required() else "",
                about=" ".join((model.description or "").split()),
                words=choices(model),
            )

    def check(self) -> Mapping[str, str]:
        edit, problems = self._edit()
        return problems or (problems_with(self._data, edit) if edit.keys else {})

    def _edit(self) -> tuple[Edit, dict[str, str]]:
        """What was typed, and what of it means nothing."""
        values: dict[str, object] = {}
        unset: list[str] = []
        problems: dict[str, str] = {}
        for field in self.query(Field):
            if not field.changed:
                continue
            if not field.text:
                unset.append(field.key)
                continue
            try:
                values[field.key] = as_value(self._kind, field.key, field.text)
            except UsageError as error:
                problems[field.key] = error.message
        return Edit(self._kind, self._name_of, self._seen, values, tuple(unset)), problems

    def save(self) -> None:
        edit, _ = self._edit()
        if not edit.keys:
            self.dismiss()
        elif not self._saving:
            self._saving = True
            self.run_worker(self._save(edit), exclusive=True)

    async def _save(self, edit: Edit) -> None:
        talk = Talk(self.app.world.sleep)
        world = self.app.world.anew(talk)
        try:
            others = await asyncio.to_thread(change, world, edit)
        except ChangedMeanwhile as conflict:
            self._take_over(conflict)
        except TogetherctlError as error:
            self.fail(
                "; ".join([error.message, *getattr(error, "problems", ()), *filter(None, [str(error.remedy or "")])])
            )
        else:
            self._saved(edit, others, [line.text for line in talk.lines])
        finally:
            self._saving = False

    def _take_over(self, conflict: ChangedMeanwhile) -> None:
        """Say what the keys are by now; saving once more is then meant."""
        self._seen = conflict.table
        self._data = {
            **self._data,
            section(self._kind): {**self._data[section(self._kind)], self._name_of: conflict.table},
        }
        self.fail("\n".join([conflict.message + ".", *(self._now(key) for key in conflict.keys)]))

    def _now(self, key: str) -> str:
        value = self._seen.get(key)
        said = as_text(self._kind, key, value) if value is not None else "not set"
        return f"{key} is {said} by now; ctrl+s puts yours there."

    def _saved(self, edit: Edit, others: list[str], said: list[str]) -> None:
        lines = [f"Changed {', '.join(edit.keys)} of {self._kind} {self._name_of}.", *said]
        if others:
            lines.append(f"So is the storage of {', '.join(others)}, which shares its session.")
        self.app.notify("\n".join(lines), markup=False)
        self.app.look_again()
        self.dismiss()
