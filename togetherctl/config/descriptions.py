"""Give the models of the configuration and of the catalogue their texts, for those who show them.

pydantic can take them from the source itself, at every start: that costs a fifth of the time that loading takes, and
most commands show none.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from types import ModuleType


@cache
def describe(module: ModuleType) -> None:
    """Make the text below each field of the module's models its description, in JSON Schemas too."""
    texts: dict[str, dict[str, str]] = {}
    for definition in ast.parse(inspect.getsource(module)).body:
        if isinstance(definition, ast.ClassDef):
            texts[definition.name] = dict(_texts(definition))
    for name in texts:
        model = getattr(module, name)
        if not issubclass(model, BaseModel):
            continue
        for parent in reversed(model.__mro__):
            for field, text in texts.get(parent.__name__, {}).items():
                model.model_fields[field].description = text
        # A schema holds those of the models it names, which stand above it.
        model.model_rebuild(force=True)


def _texts(definition: ast.ClassDef) -> list[tuple[str, str]]:
    return [
        (field.target.id, inspect.cleandoc(text.value.value))
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    ]
