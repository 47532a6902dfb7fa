"""Ask the Together AI API for clusters and their OIDC settings.

A list of clusters may hold an admin's kubeconfig for each of them, so no answer is logged, shown or kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from togetherctl.environment import API_KEY, BASE_URL
from togetherctl.errors import Refused, Unreachable, Untrusted, UsageError
from togetherctl.http_failures import host_of, retry
from togetherctl.loopback import is_safe
from togetherctl.transport import HTTP, Answer, Connection

DEFAULT_BASE_URL = "https://api.together.ai"
KEYS_PAGE = "https://api.together.ai/settings/api-keys"
_REQUEST_SECONDS = 20.0
_TOTAL_SECONDS = 90.0
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE = 30.0
_MAX_BYTES = 16 * 1024 * 1024
_MAX_CLUSTERS = 2000
_MAX_TEXT = 4000
_MAX_KUBECONFIG = 1024 * 1024
_LONGEST_KEY = 4096


@dataclass(frozen=True)
class Caller:
    """Whose key it is, as far as the API says: names for people, empty where it does not say."""

    project: str = ""
    organization: str = ""


@dataclass(frozen=True)
class OIDCConfig:
    """How a cluster takes logins: empty text where the API says nothing. `ca_cert` is PEM, for the issuer."""

    issuer_url: str
    client_id: str
    username_claim: str = ""
    username_prefix: str = ""
    group_claim: str = ""
    group_prefix: str = ""
    ca_cert: str = field(default="", repr=False)


@dataclass(frozen=True)
class ClusterRecord:
    """One cluster as the API lists it. `kube_config` is base64 of a kubeconfig, perhaps an admin's: a secret.

    `oidc` is None where the cluster was made without; `control_plane_ready` is None where the API does not say.
    """

    cluster_id: str
    name: str
    status: str = ""
    control_plane_ready: bool | None = None
    oidc: OIDCConfig | None = None
    kube_config: str = field(default="", repr=False)


def base_url(environ: Mapping[str, str]) -> str:
    """`TOGETHER_BASE_URL` without its `/v1`, else the usual one. Raises UsageError where no key may be sent there."""
    given = environ.get(BASE_URL, "").strip()
    url = given.rstrip("/").removesuffix("/v1").rstrip("/") or DEFAULT_BASE_URL
    if not is_safe(url) or not url.isprintable() or " " in url:
        raise UsageError(f"{BASE_URL} must begin with https:// (http:// is for loopback addresses only)")
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(f"{BASE_URL} must have no user name, query or fragment")
    return url


def clean_key(key: str) -> str:
    """The key without spaces around it. Raises UsageError where it cannot be one."""
    key = key.strip()
    if not key or not (key.isascii() and key.isprintable()) or " " in key or len(key) > _LONGEST_KEY:
        raise UsageError("this is not an API key of Together AI: a key is one word", hint=f"make one at {KEYS_PAGE}")
    return key


class TogetherAPI:
    """Asks Together AI with one API key, which its repr does not show.

    Answers 408, 409, 429 and 5xx, and none at all, are tried again up to four times, all within 90 seconds.
    """

    def __init__(
        self,
        key: str,
        *,
        base_url: str,
        environ: Mapping[str, str],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._key = clean_key(key)
        self.base_url = base_url
        self._environ = environ
        self._clock = clock
        self._sleep = sleep
        self._log = log

    def whoami(self) -> Caller:
        """Whose key this is. Raises Unreachable, Refused and Untrusted."""
        answer = self._get("/v3/whoami")
        return Caller(_display_name(answer.get("project")), _display_name(answer.get("organization")))

    def clusters(self, project: str | None = None) -> list[ClusterRecord]:
        """The clusters of `project`, else of the key's own. What is no cluster in the list is passed over.

        Raises Unreachable, Refused and Untrusted.
        """
        query = f"?{urlencode({'projectId': project})}" if project else ""
        answer = self._get(f"/v1/compute/clusters{query}", project=project)
        listed = answer.get("clusters")
        if listed is None and "clusters" in answer:
            return []
        if not isinstance(listed, list):
            raise Untrusted(
                f"the answer from {host_of(self.base_url)} holds no list of clusters", hint=f"is {BASE_URL} right?"
            )
        if len(listed) > _MAX_CLUSTERS:
            raise Untrusted(f"{host_of(self.base_url)} lists more than {_MAX_CLUSTERS} clusters")
        return list(_read_records(listed))

    def _get(self, path: str, *, project: str | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}"}
        ends = self._clock() + _TOTAL_SECONDS

        def ask() -> Answer:
            answer = http.get(f"{self.base_url}{path}", headers=headers, seconds=_REQUEST_SECONDS, limit=_MAX_BYTES)
            answer.raise_if_later()
            if answer.status == 409:
                raise Unreachable(f"{host_of(answer.url)} answered HTTP 409", status=409)
            return answer

        def may_wait(error: Unreachable, seconds: float) -> bool:
            # What has a remedy does not go away by waiting.
            return error.remedy is None and seconds <= _LONGEST_PAUSE and self._clock() + seconds <= ends

        with HTTP(Connection(), self._environ, log=self._log, total_seconds=_TOTAL_SECONDS) as http:
            try:
                answer = retry(ask, _PAUSES, self._sleep, may_wait)
            except Unreachable as error:
                if error.remedy is None:
                    raise
                # The transport's remedy names keys of an issuer, which this is not.
                hint = "name its certificate authority with SSL_CERT_FILE"
                raise Unreachable(error.message, hint=hint, sent=error.sent) from None
            self._refuse(answer, project)
            return answer.json()

    def _refuse(self, answer: Answer, project: str | None) -> None:
        # What the API says of its reasons may hold the key, so the words are ours.
        host, status = host_of(self.base_url), answer.status
        if status == 401:
            raise Refused(
                f"{host} does not take this API key: it is wrong, expired or revoked (HTTP 401)",
                hint=f"make a key at {KEYS_PAGE} and put it into {API_KEY}",
                status=status,
            )
        if status == 403:
            whose = f"of project {project}" if project else "of its project"
            raise Refused(
                f"{host} takes this API key, but does not let it see the clusters {whose} (HTTP 403)",
                hint="use a key of the project the clusters are in, or have an admin of it add you as a member",
                status=status,
            )
        if status == 404 and project:
            raise Refused(
                f"{host} knows no project {project} (HTTP 404)",
                hint="--project takes the project's ID; without it the key's own project counts",
                status=status,
            )
        if not 200 <= status < 300:
            raise Refused(f"{host} answered HTTP {status}", hint=f"is {BASE_URL} right?", status=status)


def _read_records(listed: list[Any]) -> Iterator[ClusterRecord]:
    for item in listed:
        if not isinstance(item, dict):
            continue
        cluster_id = _text(item.get("cluster_id"))
        name = _text(item.get("cluster_name")) or cluster_id
        if not name:
            continue
        ready = item.get("control_plane_ready")
        yield ClusterRecord(
            cluster_id=cluster_id,
            name=name,
            status=_text(item.get("status")),
            control_plane_ready=ready if isinstance(ready, bool) else None,
            oidc=_read_oidc(item.get("oidc_config")),
            kube_config=_text(item.get("kube_config"), limit=_MAX_KUBECONFIG),
        )


def _read_oidc(value: object) -> OIDCConfig | None:
    if not isinstance(value, dict):
        return None
    fields = {
        name: _text(value.get(name)) for name in ("username_claim", "username_prefix", "group_claim", "group_prefix")
    }
    # Byte for byte, because issuers are compared as strings.
    issuer, client = _text(value.get("issuer_url")), _text(value.get("client_id"))
    ca_cert = _text(value.get("ca_cert"), limit=_MAX_KUBECONFIG)
    if not issuer and not client:
        return None
    return OIDCConfig(issuer, client, **fields, ca_cert=ca_cert)


def _display_name(value: object) -> str:
    """What a project or organization is called: its name, else its slug, else its ID."""
    if not isinstance(value, dict):
        return ""
    return next((text for key in ("name", "slug", "id") if (text := _text(value.get(key)))), "")


def _text(value: object, *, limit: int = _MAX_TEXT) -> str:
    """The value where it is text of a length that makes sense, else nothing."""
    if not isinstance(value, str) or len(value) > limit:
        return ""
    # JSON can name halves of characters, which nothing can be written with.
    return "" if any("\ud800" <= char <= "\udfff" for char in value) else value
