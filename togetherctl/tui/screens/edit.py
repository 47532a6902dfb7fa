"""Edit an entry of the configuration: each key is checked as it is typed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from togetherctl.config.editing import TABLES, assignments, section
from togetherctl.config.types import HIDDEN, Kind
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.tui.context import AppContext
from togetherctl.tui.job_prompter import JobPrompter
from togetherctl.tui.screens.form import Field, FormScreen
from togetherctl.usecases.edit_entry import ChangedMeanwhile, Edit, edit_entry, problems_with_edit
from togetherctl.usecases.reports import report_shared_storage


class EditScreen(FormScreen[None]):
    """Every key of the entry `name`, as `data` of the configuration has it."""

    app: AppContext

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
        return Edit(self._kind, self._name_of, self._seen, values, tuple(unset)), problems

    def save(self) -> None:
        edit, _ = self._edit()
        if not edit.keys:
            self.dismiss()
        elif not self._saving:
            self._saving = True
            self.run_worker(self._save(edit), exclusive=True)

    async def _save(self, edit: Edit) -> None:
        prompter = JobPrompter(self.app.world.sleep)
        world = self.app.world.reread(prompter)
        try:
            others = await asyncio.to_thread(edit_entry, world, edit)
        except ChangedMeanwhile as conflict:
            self._take_over(conflict)
        except TogetherctlError as error:
            self.fail(
                "; ".join([error.message, *getattr(error, "problems", ()), *filter(None, [str(error.remedy or "")])])
            )
        else:
            self._end_saving(edit, others, [line.text for line in prompter.lines])
        finally:
            self._saving = False

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

    def _end_saving(self, edit: Edit, others: list[str], said: list[str]) -> None:
        lines = [f"Changed {', '.join(edit.keys)} of {self._kind} {self._name_of}.", *said]
        lines += [line.text for line in report_shared_storage(others)]
        self.app.notify("\n".join(lines), markup=False)
        self.app.watcher.look_now()
        self.dismiss()


def as_text(kind: Kind, key: str, value: Any) -> str:
    """One line that means `value`; a secret in the configuration itself stays hidden."""
    if key == "client_secret" and isinstance(value, str):
        return HIDDEN
    if isinstance(value, str):
        plain = value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        plain = ", ".join(value)
    else:
        return _as_toml(value)
    try:
        return plain if plain.isprintable() and as_value(kind, key, plain) == value else _as_toml(value)
    except UsageError:
        return _as_toml(value)


def as_value(kind: Kind, key: str, text: str) -> object:
    """What a line means for this key. Raises UsageError that says what is allowed."""
    if key == "client_secret" and not text.lstrip().startswith("{"):
        raise UsageError(
            'name where it is read: { env = "VARIABLE" }, { file = "…" }, { command = ["…"] } or { keyring = true }'
        )
    try:
        return assignments(kind, [f"{key}={text}"])[(key,)]
    except UsageError as error:
        raise UsageError(_without_key(error.message, key)) from None


def choices(field: FieldInfo) -> list[str]:
    """The words a key allows, if it allows only some."""
    if field.annotation is bool:
        return ["true", "false"]
    if get_origin(field.annotation) is Literal:
        return [str(choice) for choice in get_args(field.annotation)]
    return []


def default(kind: Kind, key: str) -> str:
    """The placeholder of a key that is not set: its choices, else its default."""
    field = TABLES[kind].model_fields[key]
    words = choices(field)
    if words:
        return " | ".join(words)
    value = field.get_default(call_default_factory=True)
    return as_text(kind, key, value) if value not in (None, {}) else ""


def _without_key(message: str, key: str) -> str:
    """The reason alone: the form shows the key and what was typed."""
    return message.removeprefix(f"{key}: ").rpartition("; ")[0] or message


def _as_toml(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {_as_toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else ""
    if isinstance(value, list):
        return f"[{', '.join(_as_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=True)
