"""Make a difference readable: certificates become one short line, and nothing in it can move a cursor."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from togetherctl.printable import printable

_LONGEST_LINE = 4000
# Certificates are lines of thousands of characters, which no person reads. A digest of ours is 64 characters long.
_BASE64 = re.compile(r"[A-Za-z0-9+/]{80,}={0,2}")
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_DIGEST = 12


def readable_difference(diff: str) -> Iterator[str]:
    """The lines of a difference, safe to show; two certificates that differ are told apart by their digests."""
    for line in diff.splitlines():
        yield printable(_BASE64.sub(_shorten, line), limit=_LONGEST_LINE)


def _shorten(found: re.Match[str]) -> str:
    text = found[0]
    try:
        count = base64.b64decode(text, validate=True).count(_BEGIN)
    except (binascii.Error, ValueError):
        count = 0
    what = f"{count} certificate{'s' if count > 1 else ''}" if count else f"{len(text)} characters"
    return f"{text[:8]}… ({what}, SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]})"
