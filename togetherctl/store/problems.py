"""What is wrong with a store, all of it at once: the line, the key, the reason, and the nearest known name."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from togetherctl.errors import ConfigError, UsageError
from togetherctl.store.models import StoreTable
from togetherctl.store.toml_text import CannotEdit, TomlText

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from togetherctl.store.toml_text import Key

_A_TYPE = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_parsing_size": "has too many digits",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a path or a list of paths",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "missing": "missing",
    "too_short": "must not be empty",
}


# No togetherctl will ever write it, and a number may be too long to be shown.
_NO_VERSION = 1_000_000


@dataclass(frozen=True)
class Problem:
    """One thing wrong: the key it is about, and why."""

    key: Key
    reason: str


def checked(data: dict[str, Any]) -> tuple[StoreTable | None, list[Problem]]:
    """The store in `data`, or every problem it has."""
    newer = data.get("version")
    if isinstance(newer, int) and not isinstance(newer, bool) and 1 < newer < _NO_VERSION:
        return None, [
            Problem(("version",), f"{newer} was written by a newer togetherctl; upgrade togetherctl to use it")
        ]
    try:
        store = StoreTable.model_validate(data)
    except ValidationError as error:
        problems = [described(detail) for detail in error.errors(include_url=False, include_input=False)]
        return None, [*problems, *_twice(data)]
    problems = [*_twice(data), *_dangling(store)]
    return (None if problems else store), problems


def refusal(path: Path, text: str, problems: list[Problem]) -> ConfigError:
    """The error that says all `problems` of the file, in the order of its lines."""
    try:
        lines = TomlText(text).key_lines()
    except CannotEdit:
        lines = {}
    placed = sorted((_line(problem.key, lines), _shown(problem.key), problem.reason) for problem in problems)
    said = [f"{path}:{line}: {key}: {reason}" for line, key, reason in placed]
    if len(said) == 1:
        return ConfigError(said[0])
    return ConfigError(f"{path} has {len(said)} problems", problems=said)


def nearest(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` where something known is near, else what is known, else nothing."""
    names = sorted(known)
    near = get_close_matches(wrong, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 8 else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a profile, issuer or cluster that is not in the store."""
    return UsageError(f"there is no {kind} {name}{nearest(name, known)}", hint=f"togetherctl {kind} list")


def described(detail: ErrorDetails) -> Problem:
    """One error of the models in the store's words."""
    location = tuple(str(part) for part in detail["loc"]) or ("",)
    kind = detail["type"]
    context = detail.get("ctx", {})
    if location[-1:] == ("[key]",):
        location = location[:-1]
    if kind == "extra_forbidden":
        return Problem(location, f"not a known key{nearest(location[-1], _known(location[:-1]))}")
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", "")
        return Problem(location, f"must be {choices}")
    if kind == "value_error":
        return Problem(location, str(context["error"]))
    if kind in ("greater_than_equal", "less_than_equal"):
        limit = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return Problem(location, f"must be {limit}")
    return Problem(location, _A_TYPE.get(kind, detail["msg"]))


def _known(location: Key) -> Iterator[str]:
    """The keys that may stand in the table at `location`."""
    model: type[BaseModel] = StoreTable
    if location:
        annotation = StoreTable.model_fields[location[0]].annotation
        model = annotation.__args__[1]  # type: ignore[union-attr] # dict[Name, Table]
    yield from model.model_fields


def _twice(data: dict[str, Any]) -> Iterator[Problem]:
    for section in ("issuers", "profiles", "clusters"):
        entries = data.get(section)
        seen: dict[str, str] = {}
        for name in entries if isinstance(entries, dict) else ():
            first = seen.setdefault(name.lower(), name)
            if first != name:
                yield Problem((section, name), f"differs from {first} only in case; choose another name")


def _dangling(store: StoreTable) -> Iterator[Problem]:
    from togetherctl.store.key import shared_storage_problems
    from togetherctl.store.presets import names as preset_names

    if store.default_profile is not None and store.default_profile not in store.profiles:
        yield Problem(("default_profile",), _absent("profile", store.default_profile, store.profiles))
    for name, issuer in store.issuers.items():
        if issuer.preset is not None and issuer.preset not in preset_names():
            yield Problem(("issuers", name, "preset"), _absent("preset", issuer.preset, preset_names()))
    for name, profile in store.profiles.items():
        if profile.issuer not in store.issuers:
            yield Problem(("profiles", name, "issuer"), _absent("issuer", profile.issuer, store.issuers))
    for name, cluster in store.clusters.items():
        if cluster.profile not in store.profiles:
            yield Problem(("clusters", name, "profile"), _absent("profile", cluster.profile, store.profiles))
    for name, reason in shared_storage_problems(store):
        yield Problem(("profiles", name, "storage"), reason)


def _absent(kind: str, name: str, known: Iterable[str]) -> str:
    return f"names the {kind} {name}, which does not exist{nearest(name, known)}"


def _line(key: Key, lines: dict[Key, int]) -> int:
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    # A table that only its entries imply stands where the first of them does.
    implied = [line for path, line in lines.items() if path[: len(key)] == key]
    return min(implied, default=1)


def _shown(key: Key) -> str:
    parts = [part if not part.isdecimal() else f"[{part}]" for part in key]
    return ".".join(parts).replace(".[", "[")
