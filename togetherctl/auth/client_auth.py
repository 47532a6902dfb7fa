"""Client authentication at the token and revocation endpoints (RFC 6749, 2.3.1)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus

from togetherctl.auth.token_response import RefusedClient, failure
from togetherctl.records import NamedTuple, dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from togetherctl.config.profile import Profile
    from togetherctl.config.types import ClientAuth
    from togetherctl.transport import HTTP, Answer

    Method = Literal["none", "client_secret_basic", "client_secret_post"]

_IN_CONFIDENCE = ("refresh_token", "token", "code", "code_verifier", "device_code", "password")
# A shorter value may be part of any sentence.
_LONG_ENOUGH = 8


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

    def apply(self, form: Mapping[str, str], supported: Sequence[str]) -> ProvenForm:
        """`form` with what proves who the client is; `supported` are the methods that the metadata lists."""
        return self.apply_method(form, choose_method(self.configured, supported, has_secret=self.secret is not None))

    def apply_method(self, form: Mapping[str, str], method: Method) -> ProvenForm:
        """`form` with what proves who the client is, by `method`."""
        if method == "client_secret_basic":
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret or '')}"
            return ProvenForm(form, {"Authorization": f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"})
        own = {"client_id": self.client_id}
        if method == "client_secret_post":
            own["client_secret"] = self.secret or ""
        return ProvenForm({**form, **own}, {})


class ProvenForm(NamedTuple):
    """A form and the headers to send it with."""

    form: Mapping[str, str]
    headers: Mapping[str, str]


def post_as(
    client: ClientCredentials, http: HTTP, endpoint: str, form: Mapping[str, str], supported: Sequence[str]
) -> Answer:
    """POST `form` to `endpoint` as the client. Raises as the transport does.

    An issuer takes a client's secret in one place alone, whatever else its metadata lists. Where the header was our
    own choice and the issuer does not know the client by it, this tries the body: nothing of the form is spent yet.
    """

    def post(proven: ProvenForm) -> Answer:
        answer = http.post_form(endpoint, proven.form, headers=proven.headers)
        if answer.status < 400:
            return answer
        # Some issuers repeat what was sent in confidence, in words that are shown and kept.
        body = answer.body
        for value in (*(form.get(name, "") for name in _IN_CONFIDENCE), client.secret or ""):
            if len(value) >= _LONG_ENOUGH:
                body = body.replace(value.encode("utf-8"), b"...")
        return replace(answer, body=body)

    proven = client.apply(form, supported)
    answer = post(proven)
    may_be_in_body = proven.headers and (not supported or "client_secret_post" in supported)
    # Whether the issuer did not take this proof of the client (RFC 6749, 5.2).
    if client.configured == "auto" and may_be_in_body and isinstance(failure(answer), RefusedClient):
        return post(client.apply_method(form, "client_secret_post"))
    return answer


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
