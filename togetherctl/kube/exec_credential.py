"""Read kubectl's request for an ExecCredential, and write the answer (client.authentication.k8s.io)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from time import gmtime, strftime

from togetherctl.environment import EXEC_INFO
from togetherctl.errors import UsageError, run
from togetherctl.printable import printable
from togetherctl.quick_json import loads, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GROUP = "client.authentication.k8s.io"
V1 = f"{GROUP}/v1"
V1BETA1 = f"{GROUP}/v1beta1"
# By the short names that people use.
VERSIONS = {"v1": V1, "v1beta1": V1BETA1}
_MAX_INFO = 1024 * 1024


def wanted_version(environ: Mapping[str, str], *, otherwise: str = V1) -> str:
    """The apiVersion that `KUBERNETES_EXEC_INFO` asks for, else `otherwise`. Raises UsageError."""
    info = _read_request(environ)
    if info is None:
        return otherwise
    version, kind = info.get("apiVersion"), info.get("kind") or "ExecCredential"
    if kind != "ExecCredential":
        raise UsageError(f"{EXEC_INFO} holds a {printable(kind)}, not an ExecCredential")
    if version not in VERSIONS.values():
        asked = "names no apiVersion" if not version else f"asks for {printable(version)}"
        raise UsageError(
            f"{EXEC_INFO} {asked}; known are {' and '.join(VERSIONS.values())}",
            hint=run("togetherctl", "kubeconfig", "write", words="set apiVersion of the exec entry in the kubeconfig"),
        )
    return str(version)


def may_use_stdin(environ: Mapping[str, str]) -> bool:
    """Whether the caller leaves stdin to us: not where `spec.interactive` is false. Raises UsageError."""
    spec = (_read_request(environ) or {}).get("spec")
    return not isinstance(spec, dict) or spec.get("interactive", True) is not False


def render(api_version: str, token: str, expires_at: float) -> str:
    """One line of JSON; `expires_at` in seconds since 1970, rounded down to whole seconds."""
    status = f'{{"expirationTimestamp":{quote(timestamp(expires_at))},"token":{quote(token)}}}'
    return f'{{"apiVersion":{quote(api_version)},"kind":"ExecCredential","status":{status}}}'


def timestamp(moment: float) -> str:
    """RFC 3339 in UTC, as Kubernetes writes it."""
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(moment // 1))


def _read_request(environ: Mapping[str, str]) -> dict[str, Any] | None:
    text = environ.get(EXEC_INFO, "")
    if not text:
        return None
    with suppress(ValueError, RecursionError):
        info = loads(text) if len(text) <= _MAX_INFO else None
        if isinstance(info, dict):
            return info
    raise UsageError(f"{EXEC_INFO} is not the JSON of an ExecCredential")
