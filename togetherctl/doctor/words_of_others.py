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
# A secret may be a plain word where one of these stands before it: "password hunter two", 'Bearer "abcdef"'.
_SPOKEN = re.compile(
    r"""(?ix)
    \b(password|passphrase|passwd|passcode|pin|bearer)
    (\s+(?:(?:is|was|of|for)\s+)?["'`\u2018\u201c]?|\s*["'`\u2018\u201c])
    ([^\s"'`\u2019\u201d,;()]+)
    """
)
# "token abc123": alone it would be a code, such as AADSTS700082.
_NUMBERED = re.compile(r"(?i)\b((?:token|secret|ticket|cookie)\s+[\"'`]?)(?=[a-z_-]*\d)[\w-]{6,}")
# What issuers say after those words, and is no secret.
_ORDINARY_WORDS = """
    a an and any are as at auth authentication authorization be been by can cannot challenge change changed code could
    credential credentials current did does empty error expired failed field flow for from grant granted had has hash
    have history if in incorrect instead invalid is it its length login lifetime may method mismatch missing must new
    no nor not of on or out over policy provided realm rejected required requires reset reuse scheme scope should
    sign-in since supplied than that the then this to token tokens too tries type update used user was were when which
    while will with without wrong you your
"""
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
    text = _NUMBERED.sub(rf"\1{HIDDEN}", _VALUE.sub(rf"\1{HIDDEN}", text))
    text = _SPOKEN.sub(_hide_spoken, text)
    return _WORD.sub(lambda found: HIDDEN if _is_opaque(found[0]) else found[0], text)


def _hide_spoken(found: re.Match[str]) -> str:
    word = found[3].strip(".:!?=")
    if word.lower() in _ORDINARY_WORDS.split() or "=" in word or not word:
        return found[0]
    return f"{found[1]}{found[2]}{HIDDEN}"


def _is_opaque(word: str) -> bool:
    core = word.strip(".:!?")
    if len(core) < _SHORTEST or core == HIDDEN.strip("()") or _HARMLESS.fullmatch(core):
        return False
    return any(char.isdigit() for char in core) or len(core) > _LONGEST_WORD or _is_mixed(core)


def _is_mixed(word: str) -> bool:
    """Whether capitals stand among small letters as in no word: more than at the beginning of parts of a name."""
    return len(re.findall(r"[a-z][A-Z]", word)) > 2  # accessTokenExpiredError has as many
