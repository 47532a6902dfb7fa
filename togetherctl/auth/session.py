"""A session: its tokens, its identity, and how fresh it is."""

from __future__ import annotations

from enum import Enum

from togetherctl.auth.time_limits import FUTURE_SECONDS, MARGIN_SHARE, STALE_SHARE, STALE_SPREAD
from togetherctl.records import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.config.profile import Profile
    from togetherctl.config.types import TokenKind

# The end of the year 9999, in seconds since 1970: no date that can be written lies beyond.
LATEST = 253_402_300_800
# A prime, and a number that spreads neighbours over it (its golden section), so that names that differ in one digit
# come to lie far apart.
_PRIME = 2**61 - 1
_GOLDEN = 1_425_089_352_415_399_810


class Freshness(Enum):
    """The moments of a token's life."""

    FRESH = "fresh"
    STALE = "stale"
    DUE = "due"
    EXPIRED = "expired"

    @property
    def is_usable(self) -> bool:
        """Whether the token goes out as it is."""
        return self in (Freshness.FRESH, Freshness.STALE)


class State(Enum):
    """What `status` says of a session."""

    VALID = "valid"
    STALE = "stale"
    EXPIRED = "expired"
    LOGIN_REQUIRED = "login-required"
    NONE = "none"


@dataclass(frozen=True)
class Token:
    """A bearer token and its life, in seconds since 1970. The repr does not show it."""

    value: str = field(repr=False)
    obtained_at: float
    expires_at: float

    def stale_at(self, early: float) -> float:
        """When it is worth a refresh in the background: in the last fifth of its life, and `early`, a share of it."""
        return self.expires_at - (STALE_SHARE + early) * self._lifetime

    def due_at(self, margin: float) -> float:
        """When a refresh is waited for: `margin` before expiry, never more than a tenth of its life."""
        return self.expires_at - min(margin, MARGIN_SHARE * self._lifetime)

    def freshness(self, margin: float, now: float, early: float) -> Freshness:
        if now >= self.expires_at:
            return Freshness.EXPIRED
        # Obtained in the future: the clock was set back, so nothing is known of its age.
        if now >= self.due_at(margin) or self.obtained_at > now + FUTURE_SECONDS:
            return Freshness.DUE
        return Freshness.STALE if now >= self.stale_at(early) else Freshness.FRESH

    @property
    def _lifetime(self) -> float:
        return max(self.expires_at - self.obtained_at, 0.0)


@dataclass(frozen=True)
class LastError:
    """The last thing that went wrong with a session, kept for `status`. `at` in seconds since 1970.

    `timed_out` where there was no answer at all, after which those who waited for one may try once more.
    """

    at: float
    code: str
    message: str
    timed_out: bool = False


@dataclass(frozen=True)
class Session:
    """Tokens and the identity they were given to. The repr shows no token.

    `scope` is what was granted; `refused` means the issuer takes the refresh token no longer.
    """

    issuer: str
    client_id: str
    subject: str
    identity: str
    id_token: Token | None = None
    access_token: Token | None = None
    refresh_token: str | None = field(default=None, repr=False)
    scope: str = ""
    refused: bool = False
    last_error: LastError | None = None

    def token(self, kind: TokenKind) -> Token | None:
        return self.id_token if kind == "id" else self.access_token

    def is_of(self, issuer: str, client_id: str) -> bool:
        """Whether this issuer gave its tokens to this client."""
        return (self.issuer, self.client_id) == (issuer, client_id)

    @property
    def refreshable(self) -> bool:
        """Whether a refresh token is held that the issuer has not refused."""
        return self.refresh_token is not None and not self.refused

    def early(self, key: str) -> float:
        """How much earlier than others' its tokens turn stale: a share of their life, the same in every process.

        KEY is the same for all who share a configuration, so the subject counts too.
        """
        number = int.from_bytes(f"{key} {self.subject}".encode("utf-8", "surrogatepass"), "big")
        return STALE_SPREAD * (number * _GOLDEN % _PRIME / _PRIME)

    def freshness(self, profile: Profile, now: float) -> Freshness:
        """How fresh the token is that the profile's clusters get. `now` in seconds since 1970."""
        token = self.token(profile.token)
        return token.freshness(profile.margin, now, self.early(profile.key)) if token else Freshness.EXPIRED

    def state(self, profile: Profile, now: float) -> State:
        """What `status` says of the session of `profile`. `now` in seconds since 1970."""
        match self.freshness(profile, now):
            case Freshness.FRESH:
                return State.VALID
            case Freshness.STALE | Freshness.DUE:
                return State.STALE
            case Freshness.EXPIRED:
                return State.EXPIRED if self.refreshable else State.LOGIN_REQUIRED

    def failed(self, at: float, code: str, message: str, *, refused: bool = False, timed_out: bool = False) -> Session:
        """This session with the failure noted; `refused` where it ended the refresh token."""
        return replace(self, last_error=LastError(at, code, message, timed_out), refused=self.refused or refused)
