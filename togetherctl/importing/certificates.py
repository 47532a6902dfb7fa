"""Read certificate authorities of sources: certificates and nothing else, as base64 of PEM."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from togetherctl.config.models import ClusterTable, IssuerTable
from togetherctl.disk import read_whole
from togetherctl.errors import ConfigError
from togetherctl.paths import expand

_MAX_BYTES = 1024 * 1024
_BEGIN = re.compile(r"-----BEGIN ([^-]*)-----")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def certificates(pem: str) -> str:
    """The certificates in a PEM text as base64 of PEM, without anything else; empty where there are none."""
    found = "".join(f"{block}\n" for block in _CERTIFICATE.findall(pem))
    return base64.b64encode(found.encode("ascii")).decode("ascii")


def pem_of(ca_data: str) -> str:
    """What `ca_data` holds as text; empty where it is no base64, which the configuration says itself."""
    with suppress(binascii.Error, ValueError):
        return base64.b64decode("".join(ca_data.split())).decode("utf-8", "replace")
    return ""


def holds_more(pem: str) -> bool:
    """Whether a PEM text holds anything that is no certificate, such as a key."""
    return any(kind != "CERTIFICATE" for kind in _BEGIN.findall(pem))


def join_certificates(files: Iterable[Path], ca_data: str | None, *, alone: bool) -> str:
    """The certificates of files and of `ca_data` in one `ca_data`.

    With `alone`, whatever else they hold is refused; without, it is left out. Raises ConfigError, which shows nothing
    of a file.
    """
    pem = "".join(f"{_read(path, alone=alone)}\n" for path in files)
    return certificates(pem + pem_of(ca_data or ""))


def authority_table(path: Path, *, keep_file: bool) -> dict[str, str]:
    """The keys of an issuer or a cluster for a CA file of the person: its certificates, so that the file may go.

    With `keep_file` the file is named instead. Raises ConfigError where it holds no certificate.
    """
    data = join_certificates([path], None, alone=False)
    return {"ca_file": str(path)} if keep_file else {"ca_data": data}


def ca_data_of(table: Mapping[str, str]) -> str | None:
    """The certificates of such a table, as `ca_data` has them; None where it names none. Raises ConfigError."""
    if "ca_file" in table:
        return join_certificates([Path(table["ca_file"])], None, alone=False)
    return table.get("ca_data")


class Authorities:
    """Compares what entries of the configuration trust by the certificates themselves, each file read once."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self._known: dict[tuple[tuple[str, ...], str | None], frozenset[str]] = {}

    def of(self, table: ClusterTable | IssuerTable) -> frozenset[str]:
        """The certificates that an entry names, however they are laid out; none where a file cannot be read."""
        listed = (table.ca_file,) if isinstance(table.ca_file, str) else tuple(table.ca_file or ())
        files = tuple(str(expand(path, self._environ, beside=self._folder)) for path in listed)
        if (files, table.ca_data) not in self._known:
            self._known[files, table.ca_data] = frozenset()
            with suppress(ConfigError):
                self._known[files, table.ca_data] = _one_by_one(
                    join_certificates(map(Path, files), table.ca_data, alone=False)
                )
        return self._known[files, table.ca_data]

    def are_of(self, table: ClusterTable | IssuerTable, ca_data: str) -> bool:
        """Whether an entry names just the certificates of `ca_data`."""
        return bool(trusted := self.of(table)) and trusted == _one_by_one(ca_data)

    def differ_in_form_alone(self, one: IssuerTable, other: IssuerTable) -> bool:
        """Whether two issuers are the same, apart from where their certificates are kept and how they are laid out."""
        rest = dict.fromkeys(("ca_file", "ca_data", "preset"))
        trusted = self.of(one)
        return (
            bool(trusted) and trusted == self.of(other) and one.model_copy(update=rest) == other.model_copy(update=rest)
        )


def _one_by_one(ca_data: str) -> frozenset[str]:
    """Each certificate of `ca_data` without line ends, so that neither these nor the order tell two apart."""
    return frozenset("".join(block.split()) for block in _CERTIFICATE.findall(pem_of(ca_data)))


def _read(path: Path, *, alone: bool) -> str:
    try:
        raw, _ = read_whole(path, limit=_MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ConfigError(f"the CA file {path} cannot be read: {reason}") from None
    text = raw.decode("utf-8", "replace")
    if not certificates(text):
        raise ConfigError(f"the CA file {path} holds no PEM certificate")
    if alone and holds_more(text):
        raise ConfigError(f"the CA file {path} holds more than certificates")
    return text
