"""How a client proves who it is at the token and revocation endpoints (RFC 6749, 2.3.1)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote_plus

from togetherctl.auth.answers import RefusedClient, failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.store.choices import ClientAuth
    from togetherctl.store.profile import Profile
    from togetherctl.transport import HTTP, Answer

_IN_CONFIDENCE = ("refresh_token", "token", "code", "code_verifier", "device_code", "password")
# What is shorter may stand in any sentence.
_LONG_ENOUGH = 8
Method = Literal["none", "client_secret_basic", "client_secret_post"]


@dataclass(frozen=True)
class ClientCredentials:
    """A client ID, its secret if it has one, and where the profile wants that to travel. The repr hides the secret."""

    client_id: str
    secret: str | None = field(default=None, repr=False)
    configured: ClientAuth = "auto"

    @classmethod
    def read(cls, profile: Profile) -> ClientCredentials:
        """Read the profile's client secret now. Raises ConfigError and StorageError where it cannot be."""
        return cls(profile.client_id, profile.secret() if profile.secret else None, profile.issuer.client_auth)

    def added_to(self, form: Mapping[str, str], supported: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
        """`form` with what proves who the client is, and headers that do; `supported` is what the metadata lists."""
        return self._proven(form, choose_method(self.configured, supported, has_secret=self.secret is not None))

    def post(self, http: HTTP, endpoint: str, form: Mapping[str, str], supported: Sequence[str]) -> Answer:
        """What `endpoint` answers to `form`; raises as the transport does.

        An issuer takes a client's secret in one place alone, whatever else its metadata lists. Where the header was
        our own choice and the client is not known by it, the body is tried: nothing of the form is spent yet.
        """
        proven, headers = self.added_to(form, supported)
        answer = self._hiding(form, http.post_form(endpoint, proven, headers=headers))
        elsewhere = not supported or "client_secret_post" in supported
        if self.configured != "auto" or not headers or not elsewhere or not _is_unknown_client(answer):
            return answer
        return self._hiding(form, http.post_form(endpoint, self._proven(form, "client_secret_post")[0], headers={}))

    def _hiding(self, form: Mapping[str, str], answer: Answer) -> Answer:
        """The answer without what was sent in confidence: some issuers repeat it in words that are shown and kept."""
        if answer.status < 400:
            return answer
        body = answer.body
        for value in (*(form.get(name, "") for name in _IN_CONFIDENCE), self.secret or ""):
            if len(value) >= _LONG_ENOUGH:
                body = body.replace(value.encode("utf-8"), b"...")
        return replace(answer, body=body)

    def _proven(self, form: Mapping[str, str], method: Method) -> tuple[dict[str, str], dict[str, str]]:
        if method == "client_secret_basic":
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret or '')}"
            return dict(form), {"Authorization": f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"}
        own = {"client_id": self.client_id}
        if method == "client_secret_post":
            own["client_secret"] = self.secret or ""
        return {**form, **own}, {}


def choose_method(configured: ClientAuth, supported: Sequence[str], *, has_secret: bool) -> Method:
    """What the profile says; with `auto` what the metadata lists, basic first, which is also what silence means.

    A public client never authenticates, whatever the metadata lists: most issuers that accept one do not list "none".
    """
    if not has_secret:
        return "none"
    if configured == "auto":
        post_only = "client_secret_post" in supported and "client_secret_basic" not in supported
        return "client_secret_post" if post_only else "client_secret_basic"
    return "client_secret_basic" if configured == "basic" else "client_secret_post"


def _is_unknown_client(answer: Answer) -> bool:
    """Whether the issuer did not take this proof of the client (RFC 6749, 5.2)."""
    return isinstance(failure(answer), RefusedClient)
