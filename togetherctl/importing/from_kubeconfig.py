"""Read offers from kubeconfigs: kubelogin's stanzas, `auth-provider: oidc`, static users.

Of a static user nothing is taken: the server and its CA are, and how to log in is asked. Each file is looked at by
itself, because contexts of files from different places are called alike. Another person may have written it: what no
kubeconfig may set (see `rule`) is left out here, and said.
"""

from __future__ import annotations

import os
import re
import shlex
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from togetherctl.config.types import Kind
from togetherctl.environment import CLIENT_SECRET
from togetherctl.errors import ConfigError, KubeconfigError, Remedy, TogetherctlError, UsageError, os_error_as
from togetherctl.importing.certificates import holds_more, join_certificates, pem_of
from togetherctl.importing.cluster_offer import Offer, Skipped, SourceOffers
from togetherctl.importing.source_rules import Left, without_harm
from togetherctl.kube.auth_provider import provider_of
from togetherctl.kube.entries import is_our_entry
from togetherctl.kube.kubeconfig import KubeconfigFile, decode_text, read_file
from togetherctl.kube.yaml_text import NotYAML, load
from togetherctl.kubelogin.exec_stanza import OldStanza, old_stanza
from togetherctl.kubelogin.flags import Flags
from togetherctl.kubelogin.merged_kubeconfig import (
    Context,
    Kubeconfigs,
    Where,
    cluster_table,
    is_auth_provider,
    left_out,
)
from togetherctl.kubelogin.stanza_to_profile import CannotCarryOver, meaning, takes_secret
from togetherctl.paths import expand, tilde
from togetherctl.printable import printable

_ENDINGS = (".yaml", ".yml", ".conf", ".kubeconfig", ".json", "")
_MOST_FILES = 500
# Reading takes half a millisecond for each cluster, which is told from the text before anything is read.
_MOST_CLUSTERS = 5000
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}={0,2}\s*")
# The keys of a Secret that holds a kubeconfig; Cluster API's own comes first.
_SECRET_KEYS = ("value", "kubeconfig", "config", "admin.conf")
_SERVER = re.compile(r"\bserver[\"']?\s*:")


def from_kubeconfigs(files: Sequence[Path], environ: Mapping[str, str]) -> SourceOffers:
    """What these files offer. Raises KubeconfigError where one cannot be read, and UsageError where one has nothing."""
    found = [_from_file(_read(path, tilde(path, environ)), environ, tilde(path, environ)) for path in files]
    return _join(", ".join(one.origin for one in found), found)


def from_text(text: str, environ: Mapping[str, str], *, path: Path, origin: str) -> SourceOffers:
    """What a kubeconfig that is in no file offers; relative paths are beside `path`.

    Raises KubeconfigError and UsageError.
    """
    _refuse_too_large(text, origin)
    return _from_file(KubeconfigFile.of(path, text), environ, origin)


def from_folder(folder: Path, environ: Mapping[str, str]) -> SourceOffers:
    """What the kubeconfigs right in a folder offer. A file that is none is skipped; raises UsageError where all are."""
    with os_error_as(UsageError, f"the folder {folder} cannot be read"):
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and path.is_file())
    if len(paths) > _MOST_FILES:
        raise UsageError(f"there are more than {_MOST_FILES} files in {folder}", hint="name the files themselves")
    found: list[SourceOffers] = []
    skipped: list[Skipped] = []
    for path in paths:
        try:
            found.append(from_kubeconfigs([path], environ))
        except (KubeconfigError, UsageError) as error:
            skipped.append(Skipped(printable(path.name), error.message))
    if not found:
        raise UsageError(f"there is no kubeconfig in {folder}")
    join_certificates = _join(tilde(folder, environ), found)
    return replace(join_certificates, skipped=(*join_certificates.skipped, *skipped))


def _read(path: Path, origin: str) -> KubeconfigFile:
    if not os.path.lexists(path):
        raise UsageError(f"there is no file {path}")
    text, _ = read_file(path)
    kubeconfig = unwrap(text or "", str(path))
    _refuse_too_large(kubeconfig, origin)
    return KubeconfigFile.of(path, kubeconfig)


def _refuse_too_large(text: str, origin: str) -> None:
    clusters = sum(1 for _ in _SERVER.finditer(text))
    if clusters > _MOST_CLUSTERS:
        raise UsageError(
            f"{origin} names about {clusters} clusters, and reading more than {_MOST_CLUSTERS} at once takes too long",
            hint="take a part of it: kubectl config view --kubeconfig FILE --context NAME --minify --flatten --raw "
            "> PART",
        )


def _join(origin: str, found: Sequence[SourceOffers]) -> SourceOffers:
    return SourceOffers(
        origin,
        tuple(offer for one in found for offer in one.offers),
        tuple(skipped for one in found for skipped in one.skipped),
    )


def _from_file(file: KubeconfigFile, environ: Mapping[str, str], origin: str) -> SourceOffers:
    if not isinstance(file.text.data, dict) or not file.text.entries("clusters"):
        raise UsageError(f"{origin} is not a kubeconfig: it names no cluster")
    offers: list[Offer] = []
    skipped: list[Skipped] = []
    for context, user in _contexts(Kubeconfigs.of(file)):
        try:
            offers.append(_offer(context, user, file, environ, origin))
        except (CannotCarryOver, TogetherctlError) as reason:
            helps = reason.remedy if isinstance(reason, TogetherctlError) else None
            skipped.append(Skipped(printable(context.at.name), str(reason), helps.text if helps else ""))
    return SourceOffers(origin, tuple(offers), tuple(skipped))


def _contexts(kubeconfigs: Kubeconfigs) -> Iterator[tuple[Context, Mapping[str, Any] | None]]:
    """Each context with its user's entry; then the clusters that no context names, as if one did."""
    used: set[Where] = set()
    users: dict[Where, Mapping[str, Any]] = {}
    for where, entry in kubeconfigs.entries("users"):
        users.setdefault(where, entry)
    for context in kubeconfigs.contexts():
        if context.cluster:
            used.add(context.cluster[0])
        yield context, users[context.user] if context.user else None
    for where, entry in kubeconfigs.entries("clusters"):
        if where not in used:
            used.add(where)
            yield Context(where, {"context": {}}, None, (where, entry)), None


def _offer(
    context: Context, user: Mapping[str, Any] | None, file: KubeconfigFile, environ: Mapping[str, str], origin: str
) -> Offer:
    if user is not None and is_our_entry("users", user):
        raise CannotCarryOver("togetherctl wrote it itself")
    if context.cluster is None:
        raise CannotCarryOver("it names a cluster that is not in the file")
    at, entry = context.cluster
    try:
        cluster = cluster_table(at, entry, context.entry)
    except ValueError as error:
        raise CannotCarryOver(str(error)) from None
    cluster, left = _believe("cluster", cluster, "its certificate authority", environ)
    offer = Offer(
        context.at.name,
        cluster={**cluster, "context": context.at.name},
        notes=tuple(left_out(entry).values()),
        source=str(file.path.absolute()),
        left=left,
    )
    if user is None:
        return offer
    stanza = old_stanza(user) or _standalone(user, file)
    return _logging_in(offer, stanza, file, environ) if stanza else _without_credentials(offer, user, origin)


def _logging_in(offer: Offer, stanza: OldStanza, file: KubeconfigFile, environ: Mapping[str, str]) -> Offer:
    # The client secret of the environment is the person's: the author of this file may not name where it goes.
    meant = meaning(stanza, folder=file.path.absolute().parent, environ={**environ, CLIENT_SECRET: ""})
    issuer, left = _believe("issuer", meant.issuer, "the issuer's certificate authority", environ)
    profile, more = without_harm("profile", meant.profile)
    notes = list(meant.notes)
    if meant.env:
        notes.append(
            f"leaves out the variables of its program ({', '.join(sorted(meant.env))}), because togetherctl "
            "lets no kubeconfig set variables of your programs"
        )
    return replace(
        offer,
        issuer=issuer,
        profile=profile,
        secret=meant.secret,
        notes=(*offer.notes, *notes),
        left=(*offer.left, *left, *more),
        takes_secret=takes_secret(stanza),
    )


def _believe(
    kind: Kind, table: Mapping[str, Any], what: str, environ: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Left, ...]]:
    """A table without what no kubeconfig may set, its CA files read; and what was left out.

    Raises CannotCarryOver and ConfigError.
    """
    kept = dict(table)
    data = kept.get("ca_data")
    if isinstance(data, str) and holds_more(pem_of(data)):
        raise CannotCarryOver(f"{what} holds more than certificates")
    files = kept.get("ca_file")
    if isinstance(files, (str, list)) and files:
        del kept["ca_file"]
        paths = [files] if isinstance(files, str) else files
        try:
            kept["ca_data"] = join_certificates([expand(str(path), environ) for path in paths], data, alone=True)
        except ConfigError as error:
            error.remedy = Remedy(_ask_for_file(kind, str(kept.get("server", ""))))
            raise
    return without_harm(kind, kept)


def _ask_for_file(kind: Kind, server: str) -> str:
    """What helps where a CA file that a kubeconfig names is not there, or is none."""
    ask = "ask the sender of the kubeconfig for that file, and put it there"
    by_hand = shlex.join(["togetherctl", "init", "--server", server, "--ca-file"])
    return f"{ask}; or describe the cluster by hand: {by_hand} FILE" if kind == "cluster" and server else ask


def _standalone(user: Mapping[str, Any], file: KubeconfigFile) -> OldStanza | None:
    """A user with `auth-provider: oidc` as the flags of a stanza; its tokens are not looked at."""
    if not is_auth_provider(user):
        return None
    found = provider_of(file.path, str(user["name"]), user)
    flags = Flags(
        oidc_issuer_url=found.issuer,
        oidc_client_id=found.client_id,
        oidc_client_secret=found.client_secret,
        oidc_extra_scope=found.scopes,
        certificate_authority=(found.ca_file,) if found.ca_file else (),
        certificate_authority_data=(found.ca_data,) if found.ca_data else (),
    )
    return OldStanza("auth-provider: oidc", (), {}, reads_environment=False, flags=flags)


def _without_credentials(offer: Offer, user: Mapping[str, Any], origin: str) -> Offer:
    """A user who logs in some other way, which is not taken."""
    what = "credentials"
    match user:
        case {"user": {"exec": {"command": str(command)}}}:
            what = f"command {printable(command)}"
    return replace(offer, notes=(*offer.notes, f"comes without the {what} in {origin}; you log in instead"))


def unwrap(text: str, origin: str) -> str:
    """The kubeconfig in `text`, which may be that itself. Raises UsageError for a Secret that holds none."""
    if _BASE64.fullmatch(text):
        return _from_base64(text) or text
    data = _load(text) if "Secret" in text else {}
    if data.get("kind") != "Secret":
        return text
    for key, value in _values(data):
        inner = value if key in _mapping(data, "stringData") else _from_base64(value)
        if inner and _load(inner).get("clusters"):
            return inner
    raise UsageError(
        f"{origin} is a Secret of Kubernetes, and none of its keys holds a kubeconfig",
        hint="kubectl get secret NAME -o jsonpath='{.data.KEY}' | togetherctl init -",
    )


def _values(data: dict[str, Any]) -> list[tuple[str, str]]:
    found = {**_mapping(data, "data"), **_mapping(data, "stringData")}
    names = sorted(found, key=lambda name: _SECRET_KEYS.index(name) if name in _SECRET_KEYS else len(_SECRET_KEYS))
    return [(name, found[name]) for name in names if isinstance(found[name], str)]


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _from_base64(text: str) -> str | None:
    try:
        return decode_text(b64decode("".join(text.split()), validate=True))[0]
    except ValueError:
        return None


def _load(text: str) -> dict[str, Any]:
    """The mapping that a YAML text holds; empty where it holds none."""
    try:
        data = load(text)
    except NotYAML:
        return {}
    return data if isinstance(data, dict) else {}
