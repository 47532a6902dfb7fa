"""Edit an entry of the configuration: each key is checked as it is typed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from togetherctl.config.config import Config
from togetherctl.config.editing import section
from togetherctl.config.types import Kind
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.paths import tilde
from togetherctl.tui.context import AppContext
from togetherctl.tui.field_definitions import definitions
from togetherctl.tui.field_values import as_text, as_value
from togetherctl.tui.job_prompter import JobPrompter
from togetherctl.tui.screens.dialog import Question
from togetherctl.tui.screens.form import FormScreen
from togetherctl.tui.widgets.field import Field
from togetherctl.usecases.edit_entry import (
    ChangedMeanwhile,
    Edit,
    edit_entry,
    plan_edit,
    problems_with_edit,
    with_typed_paths,
)
from togetherctl.usecases.reports import report_lost_sessions, report_shared_storage


class Saved(NamedTuple):
    """An edit that was made: what to say of it, and the configuration as it was before."""

    said: str
    more: list[str]
    before: Config | None


class EditScreen(FormScreen[Saved]):
    """Every key of the entry `name`, as `data` of the configuration has it. Gives what was saved."""

    app: AppContext

    def __init__(self, kind: Kind, name: str, data: Mapping[str, Any]) -> None:
        super().__init__(f"Edit {kind}: {name}")
        self._kind: Kind = kind
        self._name_of = name
        self._data = data
        self._seen: Mapping[str, Any] = data[section(kind)][name]

    def fields(self) -> Iterable[Field]:
        for one in definitions(self._kind):
            value = self._seen.get(one.key)
            yield Field.of(one, as_text(self._kind, one.key, value) if value is not None else "")

    def check(self, *, saving: bool) -> Mapping[str, str]:
        edit, problems = self._edit()
        return problems or (problems_with_edit(self._data, edit) if edit.keys else {})

    def _edit(self) -> tuple[Edit, dict[str, str]]:
        """What was typed, and what is wrong with it."""
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
        typed = with_typed_paths(self.app.world, self._kind, {(key,): value for key, value in values.items()})
        values = {key[0]: value for key, value in typed.items()}
        return Edit(self._kind, self._name_of, self._seen, values, tuple(unset)), problems

    def save(self) -> None:
        edit, _ = self._edit()
        if not edit.keys:
            self.dismiss()
        elif not self._saving:
            self._saving = True
            self.run_worker(self._ask(edit), exclusive=True)

    async def _ask(self, edit: Edit) -> None:
        """Show what the edit changes; it is made if the person agrees, else the form stays as it is."""
        try:
            planned = await asyncio.to_thread(plan_edit, self.app.world.reread(), edit)
        except ChangedMeanwhile as conflict:
            self._take_over(conflict)
        except TogetherctlError as error:
            self._fail(error)
        else:
            place = tilde(self.app.world.paths.config, self.app.world.environ)
            lines = [line.text for line in report_lost_sessions(planned.lost, log_out="o in the table")]
            asked = "and lose a session?" if planned.lost else f"to {place}?"
            question = Question(self.titled, f"Write this {asked}", lines, diff=planned.diff)
            question.ask(self.app, lambda: self.run_worker(self._save(edit), exclusive=True))
        finally:
            self._saving = False

    async def _save(self, edit: Edit) -> None:
        prompter = JobPrompter(self.app.world.sleep)
        world = self.app.world.reread(prompter)
        before = self.app.config
        try:
            others = await asyncio.to_thread(edit_entry, world, edit)
        except ChangedMeanwhile as conflict:
            self._take_over(conflict)
        except TogetherctlError as error:
            self._fail(error)
        else:
            said = [line.text for line in prompter.lines] + [line.text for line in report_shared_storage(others)]
            self.app.watcher.look_now()
            self.dismiss(Saved(f"Changed {', '.join(edit.keys)} of {self._kind} {self._name_of}.", said, before))

    def _fail(self, error: TogetherctlError) -> None:
        self.fail("; ".join([error.message, *getattr(error, "problems", ()), *filter(None, [str(error.remedy or "")])]))

    def _take_over(self, conflict: ChangedMeanwhile) -> None:
        """Say what the keys are by now; the person may save once more."""
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
