"""What sources gave last: so that what a person changed since is told from what a source changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from togetherctl.sources.offer import Offer
    from togetherctl.sources.rule import Left
    from togetherctl.store.models import ClusterTable

_VERSION = 1
_MAX_BYTES = 8 * 1024 * 1024
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


def digest(table: ClusterTable, left: Iterable[Left] = ()) -> str:
    """A digest of what of a cluster is the source's to say, apart from what it may not set, in hexadecimal."""
    fields = type(table).model_fields
    # What was left out is the person's to set: the cluster follows its source all the same.
    own = {one.key: fields[one.key].default for one in left if one.kind == "cluster"}
    said = {key: own.get(key, getattr(table, key)) for key in OWNED}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()


def key_of(offer: Offer) -> str:
    """What an offered cluster is recorded by: its ID, else its source and its name there."""
    cluster_id = (offer.cluster or {}).get("together_cluster_id")
    return f"together {cluster_id}" if cluster_id else f"{offer.source} {offer.name}"


def recall(path: Path) -> dict[str, str]:
    """The digest of each cluster as it was given last. Raises StorageError.

    What cannot be understood counts as nothing: then a difference counts as the person's own.
    """
    try:
        record = json.loads(read_whole(path, limit=_MAX_BYTES)[0])
        if record["version"] != _VERSION:
            return {}
        return {str(key): str(value) for key, value in record["clusters"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, AttributeError):
        return {}


def remember(path: Path, given: Mapping[str, str]) -> None:
    """Add what was given now. Raises StorageError."""
    before = recall(path)
    after = {**before, **given}
    if after == before:
        return
    record = {"version": _VERSION, "clusters": after}
    try:
        make_private_folder(path.parent)
        write_whole(path, json.dumps(record, indent=1).encode("utf-8") + b"\n")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from None
