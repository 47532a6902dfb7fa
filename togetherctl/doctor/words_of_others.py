"""Hide what may be a secret in words that an issuer chose, such as the description of an error."""

from __future__ import annotations

import re

from togetherctl.config.types import HIDDEN

_KIND = r"(?:token|secret|code|password|passphrase|assertion|verifier|key|ticket|cookie)"
# Shorter words are read by a person at a glance, and are no secret that is worth its name.
_SHORTEST = 6
# A longer word is no word of a language.
_LONGEST_WORD = 20
_VALUE = re.compile(rf"(?i)({_KIND}[\"']?\s*[=:]\s*[\"']?)(?!\(hidden\))[^\s\"'&,;]+")
_WORD = re.compile(r"[^\s\"'(),;<>\[\]{}&=]+")
_HARMLESS = re.compile(
    r"""
    [a-z]+(?:_[a-z]+)+            # invalid_grant
    | [A-Za-z]+[-_]?\d{1,7}       # AADSTS700082
    | \d{1,13}                    # 1700000000
    | [\d.:TZ+-]+                 # 2026-11-28T15:00:00Z, 203.0.113.7:6443
    | (?:[a-z\d-]+\.)+[a-z]{2,}(?::\d+)?  # sso1.acme.com
    | \S+@\S+\.[a-z]{2,}          # bob@acme.com
    | \w+://.*                    # an address, whose query is hidden elsewhere
    """,
    re.VERBOSE,
)


def hide_opaque_words(text: str) -> str:
    """The text without values of secrets and without words that are of no language; codes and names stay."""
    return _WORD.sub(lambda found: HIDDEN if _is_opaque(found[0]) else found[0], _VALUE.sub(rf"\1{HIDDEN}", text))


def _is_opaque(word: str) -> bool:
    core = word.strip(".:!?")
    if len(core) < _SHORTEST or core == HIDDEN.strip("()") or _HARMLESS.fullmatch(core):
        return False
    return any(char.isdigit() for char in core) or len(core) > _LONGEST_WORD or _is_mixed(core)


def _is_mixed(word: str) -> bool:
    """Whether capitals stand among small letters as in no word: more than at the beginning of parts of a name."""
    return len(re.findall(r"[a-z][A-Z]", word)) > 2  # accessTokenExpiredError has as many
