"""Which kind of source a word names: by the word itself, and for a file by what is in it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from togetherctl.errors import UsageError
from togetherctl.paths import expand
from togetherctl.store.toml_text import NotTOML, parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SOURCES = "together, a kubeconfig, a folder of them, a bundle (a file or an https address), or - for standard input"
TOGETHER = "together"
STANDARD_INPUT = "-"
_TABLE = re.compile(r"^\s*\[\[?\s*(issuers|profiles|clusters|bundles)\b", re.MULTILINE)
_KEY = re.compile(r"^\s*version\s*=", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A word and what it names; `path` where that is a file or a folder."""

    kind: Literal["together", "file", "folder", "url", "stdin"]
    word: str
    path: Path | None = None


def recognise(word: str, environ: Mapping[str, str]) -> Source:
    """What `word` names. Raises UsageError where it names nothing."""
    if word == TOGETHER:
        return Source("together", word)
    if word == STANDARD_INPUT:
        return Source("stdin", word)
    if "://" in word:
        return Source("url", word)
    path = expand(word, environ)
    if path.is_dir():
        return Source("folder", word, path)
    if os.path.lexists(path):
        return Source("file", word, path)
    hint = f"togetherctl init {TOGETHER}" if word.lower() == TOGETHER else f"a source is {SOURCES}"
    raise UsageError(f"there is no file or folder {word}", hint=hint)


def is_bundle(text: bytes) -> bool:
    """Whether a text is meant as a bundle, though there may be much wrong with it, and not as a kubeconfig."""
    try:
        source = text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if _TABLE.search(source) or _KEY.search(source):
        return True
    try:
        return bool(parse(source))
    except NotTOML:
        return False
