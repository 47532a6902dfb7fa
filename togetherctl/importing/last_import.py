"""Remember what each source gave last: the base of the three-way merge.

Of a cluster the file `taken.json` keeps the table, with a digest for each value that is long or could hold a password.
Of a bundle a copy is kept. An older togetherctl kept one digest of a cluster, which is still read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from togetherctl.config.models import ClusterTable, ConfigTable
from togetherctl.config.toml_text import TomlText
from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.errors import StorageError, TogetherctlError, os_error_as
from togetherctl.importing.cluster_offer import Offer
from togetherctl.importing.fetch import MAX_BYTES, STANDARD_INPUT, Fetched, is_remote
from togetherctl.importing.naming import UsedNames, clean
from togetherctl.importing.source_rules import Left

# Each cluster as its source gave it last, by `key_of`: its table, or only the digest of one.
Given = dict[str, str | dict[str, Any]]
_VERSION, _DIGESTS_ONLY = 2, 1
_MAX_BYTES = 8 * 1024 * 1024
_LONGEST_VALUE = 256
# What a source knows better than the person; the rest of a cluster is the person's.
OWNED = (
    "server",
    "ca_data",
    "ca_file",
    "tls_server_name",
    "proxy_url",
    "insecure_skip_tls_verify",
    "username_claim",
    "username_prefix",
    "groups_claim",
    "groups_prefix",
    "together_cluster_id",
)


def owned(table: ClusterTable) -> dict[str, Any]:
    """What of a cluster is the source's to say; None where it is not set."""
    return {key: getattr(table, key) or None for key in OWNED}


def digest(table: ClusterTable, left: Iterable[Left] = ()) -> str:
    """The digest that an older togetherctl kept of a cluster, apart from what its source may not set."""
    fields = type(table).model_fields
    own = {one.key: fields[one.key].default for one in left if one.kind == "cluster"}
    said = {key: own.get(key, getattr(table, key)) for key in OWNED}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()


def recorded(table: Mapping[str, Any], but: Collection[str] = ()) -> dict[str, Any]:
    """A table as it is kept: without keys that are not set, nor those in `but`."""
    return {key: _read_record(value) for key, value in table.items() if value is not None and key not in but}


def is_last(last: object, value: object) -> bool:
    """Whether a value is what was given last, as it is or as it is recorded."""
    return last in (value, _read_record(value))


def _read_record(value: Any) -> Any:
    # The address of a proxy may hold a password.
    if isinstance(value, str) and (len(value) > _LONGEST_VALUE or "@" in value):
        return f"sha256:{hashlib.sha256(value.encode('utf-8')).hexdigest()}"
    return value


def base_of(given: str | dict[str, Any] | None, mine: ClusterTable, left: Iterable[Left]) -> Mapping[str, Any] | None:
    """What a cluster's source gave last; None where that is not known, or only by the digest of something else."""
    if not isinstance(given, str):
        return given
    # A key that the person added since is not in the digest.
    unset = {key: field.default for key, field in ClusterTable.model_fields.items() if key in OWNED}
    del unset["server"]
    for before in (mine, *(mine.model_copy(update={key: default}) for key, default in unset.items())):
        if given in (digest(before), digest(before, left)):
            return owned(before)
    return None


def key_of(offer: Offer) -> str:
    """What an offered cluster is recorded by: its ID, else its source and its name there."""
    cluster_id = (offer.cluster or {}).get("together_cluster_id")
    return f"together {cluster_id}" if cluster_id else f"{offer.source} {offer.name}"


def recall(path: Path) -> Given:
    """Each cluster as it was given last: its table, or the digest of one. Raises StorageError.

    What cannot be understood counts as nothing: then a difference counts as the person's own.
    """
    try:
        record = json.loads(read_whole(path, limit=_MAX_BYTES)[0])
        if record["version"] not in (_VERSION, _DIGESTS_ONLY):
            return {}
        return {str(key): value for key, value in record["clusters"].items() if isinstance(value, (str, dict))}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}


def remember(path: Path, given: Mapping[str, dict[str, Any]]) -> None:
    """Add what was given now. Raises StorageError."""
    before = recall(path)
    after: Given = {**before, **given}
    if after == before:
        return
    record = {"version": _VERSION, "clusters": after}
    with os_error_as(StorageError, f"{path} cannot be written"):
        make_private_folder(path.parent)
        write_whole(path, json.dumps(record, indent=1).encode("utf-8") + b"\n")


def bundle_name(source: str, config: ConfigTable) -> str:
    """What the configuration calls the bundle from `source`: as before, else by its file's name."""
    for name, table in config.bundles.items():
        if table.source == source and source != STANDARD_INPUT:
            return name
    path = unquote(urlsplit(source).path) if is_remote(source) else source.replace("\\", "/")
    return UsedNames(config.bundles).free([clean(PurePosixPath(path).stem) or "bundle"])


def remember_bundle(text: TomlText, name: str, fetched: Fetched, folder: Path) -> None:
    """Record in the configuration's text where entries come from, and keep the bundle in `folder` as it was taken.

    The copy is there first and is named by its digest, so that the configuration never names one that is another's.
    Raises TogetherctlError where it cannot be kept.
    """
    with os_error_as(TogetherctlError, f"a copy of the bundle cannot be kept in {folder}"):
        make_private_folder(folder)
        write_whole(_copy(folder, fetched.sha256), fetched.text)
    text.set(("bundles", name), {"source": fetched.source, "sha256": fetched.sha256})


def recall_bundle(sha256: str, folder: Path) -> bytes | None:
    """The bundle with this digest as it was taken; None where there is no copy, or another's."""
    try:
        text, _ = read_whole(_copy(folder, sha256), limit=MAX_BYTES)
    except OSError:
        return None
    return text if hashlib.sha256(text).hexdigest() == sha256 else None


def forget_bundle(sha256: str, folder: Path, config: ConfigTable) -> None:
    """Delete a copy that another took the place of, unless a bundle of the configuration is still compared with it."""
    if all(table.sha256 != sha256 for table in config.bundles.values()):
        with suppress(OSError):
            _copy(folder, sha256).unlink()


def _copy(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}.toml"
