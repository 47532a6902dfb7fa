"""The commands, settings and flags that hints of a profile name."""

from __future__ import annotations

from togetherctl.errors import Remedy, run
from togetherctl.records import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.config.types import Grant, Storage

_FLAGS = {
    'pkce = "no"': "--oidc-pkce-method=no",
    'auth_params = { prompt = "consent" }': "--oidc-auth-request-extra-params=prompt=consent",
    'offline_access = "never"': "--oidc-extra-scope without offline_access",
    'token = "access"': "--oidc-use-access-token",
    "login_timeout": "--authentication-timeout-sec",
    "redirect_uris": "--listen-address",
    "listen_cert_file": "--local-server-cert",
    "listen_key_file": "--local-server-key",
}
_SELECT_BY_FLAG = "--oidc-auth-request-extra-params=prompt=select_account"
_GRANTS: dict[Grant, str] = {"paste": "authcode-keyboard"}
_STORAGES: dict[Storage, str] = {"file": "disk", "keyring": "keyring", "memory": "none"}


@dataclass(frozen=True)
class ProfileHints:
    """`name` is the profile's, empty where it is not known; `configless` asks for a profile made of flags."""

    name: str = ""
    configless: Remedy | None = None

    @property
    def login(self) -> Remedy:
        """What a person runs to log in."""
        return self.configless or self._run("login", "{}")

    @property
    def forced_login(self) -> Remedy:
        """What a person runs to log in though the token in hand is still good."""
        return self.configless or self._run("login", "--force", "{}")

    @property
    def doctor(self) -> Remedy | None:
        """What looks for the cause of a failure; None for a profile that the configuration does not have."""
        return self._run("doctor", "{}") if self.name and not self.configless else None

    def by_grant(self, grant: Grant) -> Remedy:
        """How the login is done in another way: a command, or what to say as well."""
        if self.configless:
            return Remedy(f"--grant-type={_GRANTS.get(grant, grant)}")
        return self._run("login", "--grant", grant, "{}")

    @property
    def login_without_port(self) -> Remedy:
        """A login that listens on no port of this machine."""
        return self.by_grant("paste")

    @property
    def secret(self) -> Remedy:
        """How the client gets its secret: a command, or what to say as well."""
        return Remedy("say --oidc-client-secret=SECRET") if self.configless else self._run("profile", "secret", "{}")

    def choose_account(self, prompt: str) -> Remedy:
        """How the issuer comes to ask which account is meant; `prompt` is what it is asked for already."""
        if self.configless:
            return Remedy(f"log in there as that account; {_SELECT_BY_FLAG} lets you choose it")
        prompts = dict.fromkeys([*prompt.split(), "select_account"])
        setting = run("togetherctl", "profile", "set", self.name or "NAME", f"auth_params.prompt={' '.join(prompts)}")
        words = "log in there as that account; this makes the issuer ask for it"
        return replace(setting, text=words) if self.name else Remedy(f"{words}: {setting.hint_command}")

    def storage(self, kind: Storage) -> Remedy:
        """How the session is kept elsewhere: a command, or what to say as well."""
        if self.configless:
            return Remedy(f"say --token-cache-storage={_STORAGES[kind]}")
        return self._run("profile", "set", "{}", f"storage={kind}")

    def setting(self, key: str, *, place: str = "") -> str:
        """A key of the profile, or the flag that does the same; `place` follows the key."""
        return _FLAGS[key] if self.configless else f"{key}{place}"

    def _run(self, *words: str) -> Remedy:
        """The command for this profile; for one without a name the words of it, which cannot be run."""
        argv = ("togetherctl", *(word.format(self.name or "NAME") for word in words))
        return run(*argv) if self.name else Remedy(" ".join(argv))
