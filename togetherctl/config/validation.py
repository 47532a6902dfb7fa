"""Validate the configuration file and report every problem: line, key, reason, nearest known name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from togetherctl.config.models import ConfigTable, IssuerTable, ProfileTable
from togetherctl.config.session_key import session_keys
from togetherctl.config.toml_text import CannotEdit, Key, TomlText, without_all
from togetherctl.errors import ConfigError, UsageError, run

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


_Table = TypeVar("_Table", bound=BaseModel)
# By the type of an error of pydantic, filled in with its context.
_REASONS = {
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
    "literal_error": "must be {expected}",
    "value_error": "{error}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


# A version from here on is a mistake, not a newer togetherctl; it may be too long to show.
_NO_VERSION = 1_000_000
_MOST_PLACED = 1000
_LONGEST_PLACED = 1024 * 1024


@dataclass(frozen=True)
class Problem:
    """One thing wrong: the key it is about, with places in a list as `[0]`, and why.

    `unknown` if there is no such key.
    """

    key: Key
    reason: str
    unknown: bool = False

    @property
    def shown(self) -> str:
        """The key as a person writes it."""
        return ".".join(self.key).replace(".[", "[")

    def __str__(self) -> str:
        return f"{self.shown}: {self.reason}"


def validate(data: dict[str, Any]) -> tuple[ConfigTable | None, list[Problem]]:
    """The configuration in `data`, or every problem it has."""
    newer = data.get("version")
    if isinstance(newer, int) and not isinstance(newer, bool) and 1 < newer < _NO_VERSION:
        return None, [
            Problem(("version",), f"{newer} was written by a newer togetherctl; upgrade togetherctl to use it")
        ]
    config, problems = _validate(data)
    unknown_keys = [problem.key for problem in problems if problem.unknown]
    rest = without_all(data, unknown_keys)
    if unknown_keys:
        # What only shows once the keys of an entry are known.
        told = {*problems}
        problems += [problem for problem in _validate(rest)[1] if problem not in told]
    # An entry that is wrong still has a name others may name, and names others itself.
    problems += [
        *_same_name(data),
        *_unknown_names(data),
        *_same_context(data),
        *_different_storage(config or _valid_part(rest)),
    ]
    return (None if problems else config), problems


def for_kubectl(data: dict[str, Any]) -> Iterator[Problem]:
    """Problems that no change may add, because kubectl could not load the result; without kubectl they do no harm."""
    for name, entry in _entries(data, "clusters").items():
        if not isinstance(entry, dict) or not entry.get("insecure_skip_tls_verify"):
            continue
        authority = next((key for key in ("ca_data", "ca_file") if entry.get(key)), None)
        if authority:
            reason = f"goes with no {authority}: kubectl refuses both together; keep one"
            yield Problem(("clusters", name, "insecure_skip_tls_verify"), reason)


def different_storage(data: dict[str, Any]) -> list[Problem]:
    """Profiles of a configuration, which may be wrong in other ways, that share a session and not its storage."""
    return list(_different_storage(_valid_part(data)))


def new_problems(before: dict[str, Any], after: dict[str, Any]) -> list[Problem]:
    """The problems of `after` that `before` does not have."""
    known = {*validate(before)[1], *for_kubectl(before)}
    return [problem for problem in (*validate(after)[1], *for_kubectl(after)) if problem not in known]


def _validate(data: dict[str, Any]) -> tuple[ConfigTable | None, list[Problem]]:
    try:
        return ConfigTable.model_validate(data), []
    except ValidationError as error:
        return None, [describe(detail) for detail in error.errors(include_url=False, include_input=False)]


def refusal(path: Path | str, text: str, problems: list[Problem]) -> ConfigError:
    """The error that says all `problems` of the file, in the order of its lines.

    Of very many, or in a very long text, it tells no lines, because finding them takes minutes.
    """
    if len(problems) > _MOST_PLACED or len(text) > _LONGEST_PLACED:
        said = [f"{path}: {problem}" for problem in problems]
    else:
        lines = _lines(text, [problem.key for problem in problems])
        placed = sorted((lines[problem.key], problem.shown, problem.reason) for problem in problems)
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


def unknown(kind: str, name: str, known: Iterable[str], *, config: Path | None = None) -> UsageError:
    """The error for a name that the configuration does not have; a program may have read another configuration."""
    looked = f" (in {config})" if config else ""
    return UsageError(f"there is no {kind} {name}{nearest(name, known)}{looked}", hint=run("togetherctl", kind, "list"))


def first_problem(error: ValidationError) -> Problem:
    """The first error of the models in the configuration's words."""
    return describe(error.errors(include_url=False, include_input=False)[0])


def describe(detail: ErrorDetails) -> Problem:
    """One error of the models in the configuration's words."""
    location = tuple(f"[{part}]" if isinstance(part, int) else part for part in detail["loc"]) or ("",)
    if location[-1:] == ("[key]",):
        location = location[:-1]
    if detail["type"] == "extra_forbidden":
        return Problem(location, f"not a known key{nearest(location[-1], _known_keys(location[:-1]))}", unknown=True)
    form = _REASONS.get(detail["type"])
    reason = form.format_map(detail.get("ctx", {})) if form else detail["msg"]
    return Problem(location, reason.replace("'", "") if detail["type"] == "literal_error" else reason)


def _known_keys(location: Key) -> Iterator[str]:
    """The keys that may stand in the table at `location`."""
    model: type[BaseModel] = ConfigTable
    if location:
        annotation: Any = ConfigTable.model_fields[location[0]].annotation
        # dict[Name, Table], or a table of its own.
        model = (
            annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel)
            else get_args(annotation)[1]
        )
    yield from model.model_fields


def _entries(data: dict[str, Any], section: str) -> dict[str, Any]:
    entries = data.get(section)
    return entries if isinstance(entries, dict) else {}


def _same_name(data: dict[str, Any]) -> Iterator[Problem]:
    for section in ("issuers", "profiles", "clusters"):
        seen: dict[str, str] = {}
        for name in _entries(data, section):
            first = seen.setdefault(name.lower(), name)
            if first != name:
                yield Problem((section, name), f"differs from {first} only in case; choose another name")


def _unknown_names(data: dict[str, Any]) -> Iterator[Problem]:
    """References to entries that do not exist; the models refuse a reference that is no name."""
    from togetherctl.config.presets import preset_names

    known = {"preset": preset_names(), "issuer": _entries(data, "issuers"), "profile": _entries(data, "profiles")}
    names: list[tuple[Key, str, object]] = [(("default_profile",), "profile", data.get("default_profile"))]
    for section, kind in (("issuers", "preset"), ("profiles", "issuer"), ("clusters", "profile")):
        names += [
            ((section, name, kind), kind, entry.get(kind))
            for name, entry in _entries(data, section).items()
            if isinstance(entry, dict)
        ]
    for key, kind, name in names:
        if isinstance(name, str) and name not in known[kind] and isinstance(data.get(f"{kind}s", {}), dict):
            yield Problem(key, f"names the {kind} {name}, which does not exist{nearest(name, known[kind])}")


def _same_context(data: dict[str, Any]) -> Iterator[Problem]:
    """Clusters whose entries in a kubeconfig would replace each other's."""
    clusters = {name: entry for name, entry in _entries(data, "clusters").items() if isinstance(entry, dict)}
    first_of = {name: name for name, entry in clusters.items() if entry.get("context") is None}
    for name, entry in clusters.items():
        context = entry.get("context")
        if isinstance(context, str) and (first := first_of.setdefault(context, name)) != name:
            yield Problem(
                ("clusters", name, "context"), f"is that of cluster {first} too; give each cluster a context of its own"
            )


def _different_storage(config: ConfigTable) -> Iterator[Problem]:
    """Profiles that share a session with an earlier one, and keep it elsewhere."""
    first_of: dict[str, str] = {}
    for name, key in session_keys(config).items():
        first = first_of.setdefault(key, name)
        if config.profiles[first].storage != config.profiles[name].storage:
            reason = f"differs from that of profile {first}, which shares its session; give both the same"
            yield Problem(("profiles", name, "storage"), reason)


def _valid_part(data: dict[str, Any]) -> ConfigTable:
    """The issuers and profiles of a wrong configuration that are valid by themselves."""
    return ConfigTable.model_construct(
        issuers=_valid_entries(data, "issuers", IssuerTable), profiles=_valid_entries(data, "profiles", ProfileTable)
    )


def _valid_entries(data: dict[str, Any], section: str, model: type[_Table]) -> dict[str, _Table]:
    valid: dict[str, _Table] = {}
    for name, entry in _entries(data, section).items():
        with suppress(ValidationError):
            valid[name] = model.model_validate(entry)
    return valid


def _lines(text: str, keys: Sequence[Key]) -> dict[Key, int]:
    """The line of each of `keys`, or of the nearest table above it that has one."""
    try:
        lines = TomlText(text).key_lines()
    except CannotEdit:
        lines = {}
    # A table that only its entries imply has the line of the first of them.
    implied: dict[Key, int] = {}
    lengths = {len(key) for key in keys}
    for path, line in lines.items():
        for length in lengths:
            implied[path[:length]] = min(line, implied.get(path[:length], line))
    found = {}
    for key in keys:
        above = (lines[key[:length]] for length in range(len(key), 0, -1) if key[:length] in lines)
        found[key] = next(above, implied.get(key, 1))
    return found
