"""Edit the configuration file: set, unset, add and rename entries, checked before the file is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from togetherctl.config import files
from togetherctl.config.models import AgentTable, ClusterTable, ConfigTable, IssuerTable, ProfileTable
from togetherctl.config.session_key import sharing
from togetherctl.config.toml_text import Key, NotTOML, TomlText, parse
from togetherctl.config.validation import first_problem, for_kubectl, nearest, unknown, validate
from togetherctl.errors import ConfigError, UsageError, run
from togetherctl.printable import printable

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from togetherctl.config.types import Kind
    from togetherctl.paths import Paths

TABLES: dict[Kind, type[BaseModel]] = {"profile": ProfileTable, "issuer": IssuerTable, "cluster": ClusterTable}
# By kind: what names such an entry, and with which key.
USED_BY: dict[Kind, tuple[Kind, str]] = {"issuer": ("profile", "issuer"), "profile": ("cluster", "profile")}
_OWN_FORM = "togetherctl config set KEY=VALUE; the keys are default_profile and agent.idle"
_NEW_STORE = "# togetherctl's configuration: who you are to which issuer, and which cluster that opens.\n"


def section(kind: Kind) -> str:
    """The table of the configuration that holds entries of this kind."""
    return f"{kind}s"


@contextmanager
def edit_config(paths: Paths, *, seen: str | None = None) -> Iterator[TomlText]:
    """Edit the configuration; what comes out is written only if the change brings no problem that was not there before.

    `seen` is as in `files.editing`. Raises ConfigError, and then nothing was changed.
    """
    with files.editing(paths.config, paths.state / "store.lock", seen=seen) as text:
        before = {*validate(text.data)[1], *for_kubectl(text.data)}
        begin_edit(text)
        yield text
        after = [*validate(text.data)[1], *for_kubectl(text.data)]
        new = [str(problem) for problem in after if problem not in before]
        if len(new) == 1:
            raise ConfigError(f"{new[0]}; nothing was changed")
        if new:
            raise ConfigError("nothing was changed, because it would bring problems", problems=new)


def begin_edit(text: TomlText) -> None:
    """Make a configuration of a file that is empty or not there yet."""
    if not text.text.strip():
        text.text = _NEW_STORE
        text.set(("version",), 1)


def existing_key(text: TomlText, kind: Kind, name: str) -> Key:
    """The path of an entry. Raises UsageError where there is none."""
    entries = text.data.get(section(kind))
    if not isinstance(entries, dict) or name not in entries:
        raise unknown(kind, name, entries if isinstance(entries, dict) else ())
    return section(kind), name


def share_storage(text: TomlText, name: str) -> list[str]:
    """Give every profile that shares the session of the profile `name` the same storage; their names, not its own.

    What is wrong with the edited configuration is left for its check.
    """
    try:
        table = ConfigTable.model_validate(text.data)
    except ValidationError:
        return []
    if name not in table.profiles:
        return []
    storage = table.profiles[name].storage
    others = [other for other in sharing(table, name) if table.profiles[other].storage != storage]
    for other in others:
        text.set((section("profile"), other, "storage"), storage)
    return others


def new_key(text: TomlText, kind: Kind, name: str) -> Key:
    """The path of a new entry. Raises UsageError where it exists already."""
    entries = text.data.get(section(kind))
    if isinstance(entries, dict) and name in entries:
        raise UsageError(f"{kind} {name} is there already", hint=f"togetherctl {kind} set {name} KEY=VALUE")
    return section(kind), name


def rename(text: TomlText, kind: Kind, old: str, new: str) -> None:
    """Give an entry another name, here and wherever the configuration names it.

    Raises UsageError where that cannot be.
    """
    key = existing_key(text, kind, old)
    entries = text.data[section(kind)]
    if new in entries:
        raise UsageError(f"{kind} {new} is there already", hint=run("togetherctl", kind, "list"))
    naming: list[Key] = []
    if kind in USED_BY:
        users, said = USED_BY[kind]
        others = text.data.get(section(users), {})
        naming += [(section(users), name, said) for name, table in others.items() if table.get(said) == old]
    if kind == "profile" and text.data.get("default_profile") == old:
        naming.append(("default_profile",))
    text.rename(key, new, naming)


def assignments(kind: Kind, words: Sequence[str]) -> dict[Key, object]:
    """`KEY=VALUE` words as keys below an entry and their values. Raises UsageError."""
    parsed: dict[Key, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        key = tuple(name.split("."))
        if not equals or not all(key):
            raise UsageError(f"{name or word} is not of the form KEY=VALUE", hint=keys_of(kind, name))
        parsed[key] = _value(kind, key, text)
    return parsed


def own_assignment(word: str) -> tuple[Key, object]:
    """`KEY=VALUE` of the configuration itself, None where VALUE is empty: the key goes. Raises UsageError."""
    name, equals, text = word.partition("=")
    key = tuple(name.split("."))
    field = own_keys().get(name)
    if field is None or not equals:
        wrong = f"{name or word} is not of the form KEY=VALUE" if field else f"the configuration has no key {name}"
        raise UsageError(f"{wrong}{'' if field else nearest(name, own_keys())}", hint=_OWN_FORM)
    if not text or key == ("default_profile",):
        return key, text or None
    return key, _checked(field, name, text)


def own_keys() -> dict[str, FieldInfo]:
    """The keys of the configuration itself that `config set` sets, as they are typed."""
    agent = {f"agent.{name}": field for name, field in AgentTable.model_fields.items()}
    return {"default_profile": ConfigTable.model_fields["default_profile"], **agent}


def new_table(kind: Kind, given: Mapping[str, object], words: Sequence[str]) -> dict[str, object]:
    """The table of a new entry: what options gave it, and `KEY=VALUE` words. Raises UsageError."""
    table = {name: value for name, value in given.items() if value not in (None, (), [])}
    for (name, *inner), value in assignments(kind, words).items():
        before = table.get(name)
        table[name] = {**(before if isinstance(before, dict) else {}), inner[0]: value} if inner else value
    return table


def valid_issuer(table: Mapping[str, object]) -> IssuerTable:
    """The table of an issuer, checked. Raises ConfigError."""
    try:
        return IssuerTable.model_validate(dict(table))
    except ValidationError as error:
        raise ConfigError(f"the issuer's {first_problem(error)}") from None


def known_key(kind: Kind, name: str) -> Key:
    """The key `name` as a path below an entry. Raises UsageError where there is no such key."""
    key = tuple(name.split("."))
    _field(kind, key)
    return key


def _value(kind: Kind, key: Key, text: str) -> object:
    field = _field(kind, key)
    if key[0] == "client_secret" and not text.lstrip().startswith("{"):
        raise UsageError(
            "others on this machine can see a client secret on the command line",
            hint="keep it in the keyring with togetherctl profile secret NAME, or say where it is: "
            "client_secret='{ env = \"VARIABLE\" }'",
        )
    return _checked(field, ".".join(key), text, inner=len(key) > 1, secret=key[0] == "client_secret")


def _checked(field: FieldInfo, shown: str, text: str, *, inner: bool = False, secret: bool = False) -> object:
    """What `text` means for the field, or for a text `inner` its table. Raises UsageError."""
    # Annotated needs at least one piece of metadata besides the type.
    checked_type: Any = str if inner else Annotated[(field.annotation, *field.metadata, "value")]
    adapter = TypeAdapter[Any](checked_type, config=ConfigDict(strict=True, hide_input_in_errors=True))
    reason = ""
    # Text that looks like a table but is not valid TOML would pass for a secret.
    for candidate in islice(_candidates(text), 1) if secret else _candidates(text):
        try:
            adapter.validate_python(candidate)
        except ValidationError as error:
            reason = reason or first_problem(error).reason
        else:
            return candidate
    raise UsageError(f"{shown}: {reason}; it is {printable(repr(text), limit=100)}")


def _candidates(text: str) -> Iterator[object]:
    """What a VALUE may mean, likeliest first: TOML, text, text split at commas."""
    with suppress(NotTOML):
        yield parse(f"value = {text}")["value"]
    yield text
    yield [part.strip() for part in text.split(",") if part.strip()]


def _field(kind: Kind, key: Key) -> FieldInfo:
    fields = TABLES[kind].model_fields
    field = fields.get(key[0])
    tables = ("auth_params", "request_headers")
    if field is None or len(key) > (2 if key[0] in tables else 1):
        raise UsageError(
            f"{section(kind)} have no key {'.'.join(key)}{nearest(key[0], fields)}", hint=keys_of(kind, key[0])
        )
    return field


def keys_of(kind: Kind, typed: str = "") -> str:
    """The keys of such an entry in words; those that are like what was `typed` come first."""
    keys = list(TABLES[kind].model_fields)
    near = get_close_matches(typed, keys, n=3, cutoff=0.6)
    return f"the keys are {', '.join([*near, *sorted(set(keys) - set(near))])}"
