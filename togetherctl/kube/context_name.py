"""Name kubeconfig contexts by a template such as `{profile}-{cluster}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import NamedTuple

from togetherctl.errors import UsageError
from togetherctl.printable import printable

FIELDS = ("cluster", "profile", "issuer", "context", "namespace")
_LONGEST = 253


class Named(NamedTuple):
    """The name of a context, the template that made it, and the name of the context that it replaces."""

    context: str
    template: str | None = None
    instead: str | None = None


@dataclass(frozen=True)
class ContextTemplate:
    """A template that has been checked; `parse` makes one."""

    text: str

    @classmethod
    def parse(cls, text: str) -> ContextTemplate:
        """Raises UsageError."""
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        try:
            parts = list(Formatter().parse(text))
        except ValueError:
            raise UsageError(f"the template {text} is not whole: a brace is missing", hint=f"fields: {known}") from None
        for _, name, form, conversion in parts:
            if name is not None and (name not in FIELDS or form or conversion):
                raise UsageError(f"a template of contexts has no field {{{name}}}", hint=f"fields: {known}")
        if not any(name in ("cluster", "context") for _, name, _, _ in parts):
            raise UsageError(
                "this template gives every cluster of a profile the same context",
                hint="put {cluster} into it, as in '{profile}-{cluster}'",
            )
        return cls(text)

    def name(self, values: Mapping[str, str]) -> str:
        """The name that the template makes of these values, one for each field. Raises UsageError."""
        name = self.text.format_map(values)
        if not name.isprintable() or name != name.strip() or len(name) > _LONGEST:
            raise UsageError(f"the template makes a name that contexts cannot have: {printable(repr(name))}")
        return name
