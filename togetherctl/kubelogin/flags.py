"""Parse the command line of kubelogin 1.36 as the Go library pflag does, and write it again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from togetherctl.errors import UsageError
from togetherctl.kubelogin.flag_table import LISTEN_ADDRESS, LOG_SWITCHES, LOG_VALUES, flags_of
from togetherctl.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from togetherctl.kubelogin.flag_table import Command, Flag

_FIELD = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",]*)')
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True)
class Flags:
    """One command line; the defaults are kubelogin's. The repr shows no secret.

    `typed` names the flags that were given, in the order they came first; `v` is the level of the log.
    """

    oidc_issuer_url: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_redirect_url: str = ""
    oidc_redirect_url_hostname: str = "localhost"
    oidc_extra_scope: tuple[str, ...] = ()
    oidc_use_access_token: bool = False
    oidc_request_header: Mapping[str, str] = field(default_factory=dict, repr=False)
    force_refresh: bool = False
    token_cache_dir: str = ""
    token_cache_storage: str = "disk"  # noqa: S105 # where tokens are kept
    certificate_authority: tuple[str, ...] = ()
    certificate_authority_data: tuple[str, ...] = ()
    insecure_skip_tls_verify: bool = False
    tls_renegotiation_once: bool = False
    tls_renegotiation_freely: bool = False
    oidc_use_pkce: bool = False
    oidc_pkce_method: str = "auto"
    grant_type: str = "auto"
    listen_address: tuple[str, ...] = LISTEN_ADDRESS
    skip_open_browser: bool = False
    browser_command: str = ""
    authentication_timeout_sec: int = 180
    local_server_cert: str = ""
    local_server_key: str = ""
    open_url_after_authentication: str = ""
    oidc_auth_request_extra_params: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = field(default="", repr=False)
    kubeconfig: str = ""
    context: str = ""
    user: str = ""
    v: int = 0
    help: bool = False
    typed: tuple[str, ...] = ()

    def words(self, *, secrets: bool = False) -> list[str]:
        """The flags that were typed, one word each, as another command line would have them.

        Without `secrets` their values are left out: a word in capitals replaces them; a password flag is left out, and
        togetherctl asks for the password.
        """
        return [word for name in self.typed for word in self._words(_ALL[name], secrets=secrets)]

    def _words(self, flag: Flag, *, secrets: bool) -> Iterator[str]:
        value = getattr(self, flag.field)
        if flag.name == "password" and not secrets:
            return
        hides = flag.secret and not secrets
        match flag.kind:
            case "map":
                for key, text in value.items():
                    yield f"--{flag.name}={_format_pair(key, 'VALUE' if hides else text)}"
            case "list" | "texts":
                for text in value:
                    yield f"--{flag.name}={_format_field(text) if flag.kind == 'list' else text}"
            case "switch":
                yield f"--{flag.name}" if value else f"--{flag.name}=false"
            case _:
                yield f"--{flag.name}={'SECRET' if hides else value}"


_ALL = {
    flag.name: flag for command in ("get-token", "setup", "standalone", "clean") for flag in flags_of(command).values()
}


def parse(arguments: Sequence[str], command: Command = "get-token") -> Flags:
    """The flags in `arguments`, which are all there is on the command line after the command.

    Raises UsageError for what kubelogin would refuse, with the nearest known flag.
    """
    given: dict[str, Any] = {}
    typed: list[str] = []
    known = flags_of(command)
    for name, value in _split(arguments, known):
        if name in ("v", "help"):
            given[name] = value
            continue
        flag = known[name]
        try:
            given[flag.field] = _add_value(flag, given.get(flag.field), str(value))
        except ValueError as error:
            raise UsageError(f"--{name} {error}") from None
        typed.append(name)
    return Flags(**given, typed=tuple(dict.fromkeys(typed)))


def _add_value(flag: Flag, before: Any, text: str) -> Any:
    """The value of a flag that had `before` after `text` came for it. Raises ValueError."""
    match flag.kind:
        case "switch":
            return _parse_switch(text)
        case "number":
            return _parse_number(text)
        case "list":
            return (*(before or ()), *_parse_fields(text))
        case "texts":
            return (*(before or ()), text)
        case "map":
            return {**(before or {}), **_parse_pairs(text)}
    if flag.choices and text not in flag.choices:
        raise ValueError(f"must be one of {', '.join(flag.choices)}")
    return text


def _split(arguments: Sequence[str], known: Mapping[str, Flag]) -> Iterator[tuple[str, object]]:
    """Each flag and its value, text for all but `v` and `help`; flags of the log are left out."""
    words = iter(arguments)
    name = ""
    for word in words:
        if word == "--" and next(words, None) is None:
            return
        if word.startswith("--") and word != "--":
            name, sign, value = word.removeprefix("--").partition("=")
            yield from _parse_long(name, value if sign else None, words, known)
        elif word.startswith("-") and word not in ("-", "--"):
            yield from _parse_short(word, words)
        else:
            # It may be a secret in the wrong place, so it is not shown.
            place = f" after --{name}" if name else ""
            raise UsageError(f"there is a word{place} that is not a flag; this command takes flags alone")


def _parse_long(
    name: str, value: str | None, words: Iterator[str], known: Mapping[str, Flag]
) -> Iterator[tuple[str, object]]:
    if name == "help":
        yield name, value is None or _parse_switch(value)
    elif name == "v":
        yield name, _parse_level(value if value is not None else _next_word("--v", words))
    elif name in LOG_SWITCHES:
        return
    elif name in LOG_VALUES:
        if value is None:
            _next_word(f"--{name}", words)
    elif name not in known:
        raise _unknown_flag(name, known)
    elif known[name].kind == "switch":
        yield name, "true" if value is None else value
    else:
        yield name, value if value is not None else _next_word(f"--{name}", words)


def _parse_short(word: str, words: Iterator[str]) -> Iterator[tuple[str, object]]:
    if word[1] == "h":
        yield "help", True
    elif word[1] == "v":
        value = word[2:].removeprefix("=")
        # -v, -vv: togetherctl's own way.
        letters = value.strip("v") == "" and word != "-v"
        yield "v", len(word) - 1 if letters else _parse_level(value or _next_word("-v", words))
    else:
        raise UsageError(f"unknown flag {word[:2]}")


def _parse_level(text: str) -> int:
    try:
        return _parse_number(text)
    except ValueError as error:
        raise UsageError(f"-v {error}") from None


def _next_word(flag: str, words: Iterator[str]) -> str:
    word = next(words, None)
    if word is None:
        raise UsageError(f"{flag} needs a value")
    return word


def _unknown_flag(name: str, known: Mapping[str, Flag]) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    elsewhere = _ALL.get(name)
    if near and near[0] != name:
        return UsageError(f"unknown flag --{name}; did you mean --{near[0]}?")
    if elsewhere is not None:
        return UsageError(f"--{name} is a flag of {', '.join(sorted(elsewhere.commands))}, not of this command")
    return UsageError(f"unknown flag --{name}")


def _parse_fields(text: str) -> list[str]:
    """The fields of one line of CSV (RFC 4180); none for an empty text. Raises ValueError."""
    found: list[str] = []
    place = 0
    while text and place <= len(text):
        match = _FIELD.match(text, place)
        if match is None or text[match.end() : match.end() + 1] not in ("", ","):
            raise ValueError("has a quote in a place where none may be")
        quoted = match["quoted"]
        found.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        place = match.end() + 1
    return found


def _parse_pairs(text: str) -> dict[str, str]:
    """`k=v`, or several of them separated by commas. Raises ValueError.

    A text with a single `=` is one pair, whatever commas its value has.
    """
    if "=" not in text:
        raise ValueError("must look like KEY=VALUE")
    found: dict[str, str] = {}
    for pair in [text.strip('"')] if text.count("=") == 1 else _parse_fields(text):
        key, sign, value = pair.partition("=")
        if not sign:
            raise ValueError("must look like KEY=VALUE")
        found[key] = value
    return found


def _parse_switch(text: str) -> bool:
    """Raises ValueError."""
    if text not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return text in _TRUE


def _parse_number(text: str) -> int:
    """A whole number, or a hexadecimal one with `0x`. Raises ValueError."""
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _format_field(value: str) -> str:
    """An entry of a list as it is typed."""
    return '"{}"'.format(value.replace('"', '""')) if re.search(r'[",\n]', value) else value


def _format_pair(key: str, value: str) -> str:
    """An entry of a map as it is typed."""
    text = f"{key}={value}"
    return text if text.count("=") == 1 and text == text.strip('"') else _format_field(text)
