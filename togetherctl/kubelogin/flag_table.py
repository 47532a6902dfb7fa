"""The table of kubelogin 1.36's flags: the commands that have each flag, its kind and its meaning."""

from __future__ import annotations

from togetherctl.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Command = Literal["get-token", "setup", "standalone", "clean"]
    Kind = Literal["text", "switch", "number", "list", "texts", "map"]
    Group = Literal[
        "Issuer and client", "Login", "Login in a browser", "Tokens", "Connection to the issuer", "Kubeconfig"
    ]

_PLUGIN: frozenset[Command] = frozenset({"get-token"})
_BOTH: frozenset[Command] = frozenset({"get-token", "setup"})
_LOGINS: frozenset[Command] = frozenset({"get-token", "setup", "standalone"})
_ROOT: frozenset[Command] = frozenset({"standalone"})

LISTEN_ADDRESS = ("127.0.0.1:8000", "127.0.0.1:18000")
GRANTS = ("auto", "authcode", "authcode-keyboard", "password", "device-code", "client-credentials")
PKCE_METHODS = ("auto", "no", "S256")
STORAGES = ("disk", "keyring", "none")


class Flag(NamedTuple):
    """One flag. `list` splits at commas, `texts` does not, `map` is `k=v`; each of them may be repeated.

    `old` says what to use instead of a flag that kubelogin has given up.
    """

    name: str
    kind: Kind
    group: Group
    meaning: str
    commands: frozenset[Command] = _LOGINS
    choices: tuple[str, ...] = ()
    secret: bool = False
    old: str = ""

    @property
    def field(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")


FLAGS = (
    Flag(
        "oidc-issuer-url", "text", "Issuer and client", "The issuer's URL, exactly as in its tokens; required.", _BOTH
    ),
    Flag("oidc-client-id", "text", "Issuer and client", "The client ID registered there; required.", _BOTH),
    Flag(
        "oidc-client-secret",
        "text",
        "Issuer and client",
        "Its secret, if it has one. get-token takes OIDC_CLIENT_SECRET where this is left out, unless S256 is forced.",
        _BOTH,
        secret=True,
    ),
    Flag("oidc-extra-scope", "list", "Issuer and client", "A scope to ask for besides openid; may be repeated.", _BOTH),
    Flag(
        "oidc-use-access-token",
        "switch",
        "Tokens",
        "Give the access token to the cluster instead of the ID token.",
        _BOTH,
    ),
    Flag("force-refresh", "switch", "Tokens", "Refresh the token even if it is still good.", _PLUGIN),
    Flag(
        "token-cache-dir",
        "text",
        "Tokens",
        "The folder of the sessions. Without it: $KUBECACHEDIR/oidc-login, else togetherctl's own.",
        frozenset({"get-token", "clean"}),
    ),
    Flag(
        "token-cache-storage",
        "text",
        "Tokens",
        "Where sessions are kept: in files, in files sealed with a key from the keyring, or nowhere (default disk).",
        _PLUGIN,
        STORAGES,
    ),
    Flag(
        "grant-type",
        "text",
        "Login",
        "How to log in (default auto: authcode, or password where --username is given).",
        choices=GRANTS,
    ),
    Flag(
        "authentication-timeout-sec",
        "number",
        "Login",
        "Seconds a login may take (default 180).",
    ),
    Flag(
        "oidc-auth-request-extra-params",
        "map",
        "Login",
        "An extra parameter of the authorization request, or of the token request with client-credentials.",
    ),
    Flag(
        "oidc-pkce-method",
        "text",
        "Login",
        "Proof Key for Code Exchange (default auto: S256, unless the issuer offers only others).",
        _BOTH,
        PKCE_METHODS,
    ),
    Flag(
        "oidc-use-pkce", "switch", "Login", "The same as --oidc-pkce-method=S256.", _BOTH, old="--oidc-pkce-method=S256"
    ),
    Flag("username", "text", "Login", "The user name for the password grant."),
    Flag("password", "text", "Login", "The password. Others can see it here: leave it out, and type it.", secret=True),
    Flag(
        "listen-address",
        "list",
        "Login in a browser",
        "Where to listen for the answer; several are tried in order (default 127.0.0.1:8000,127.0.0.1:18000).",
    ),
    Flag(
        "oidc-redirect-url",
        "text",
        "Login in a browser",
        "The redirect URI as registered (default http://localhost:PORT).",
        _BOTH,
    ),
    Flag(
        "oidc-redirect-url-hostname",
        "text",
        "Login in a browser",
        "The host of the redirect URI, as before kubelogin 1.35 (default localhost).",
        old="--oidc-redirect-url",
    ),
    Flag("skip-open-browser", "switch", "Login in a browser", "Do not open a browser; say the address only."),
    Flag("browser-command", "text", "Login in a browser", "The program to open the address with."),
    Flag("local-server-cert", "text", "Login in a browser", "A PEM certificate: the redirect URI is then https."),
    Flag("local-server-key", "text", "Login in a browser", "Its key."),
    Flag("open-url-after-authentication", "text", "Login in a browser", "Where the browser's last page leads."),
    Flag(
        "certificate-authority",
        "texts",
        "Connection to the issuer",
        "A PEM file of certificate authorities to trust besides the system's; may be repeated.",
    ),
    Flag("certificate-authority-data", "texts", "Connection to the issuer", "The same as base64 of PEM."),
    Flag(
        "insecure-skip-tls-verify",
        "switch",
        "Connection to the issuer",
        "Do not verify the issuer's certificate: anyone in between can take your tokens.",
    ),
    Flag(
        "tls-renegotiation-once",
        "switch",
        "Connection to the issuer",
        "Nothing more is needed: a TLS 1.2 server may renegotiate.",
    ),
    Flag("tls-renegotiation-freely", "switch", "Connection to the issuer", "The same."),
    Flag(
        "oidc-request-header",
        "map",
        "Connection to the issuer",
        "A header sent with every request to the issuer.",
        _BOTH,
        secret=True,
    ),
    Flag("kubeconfig", "text", "Kubeconfig", "The kubeconfig file.", _ROOT),
    Flag("context", "text", "Kubeconfig", "The context whose user logs in.", _ROOT),
    Flag("user", "text", "Kubeconfig", "The user who logs in; goes before --context.", _ROOT),
)

# klog's. Only the level of -v makes sense here; the others are about log files, which there are none of.
LOG_SWITCHES = frozenset(
    {
        "add_dir_header",
        "alsologtostderr",
        "legacy_stderr_threshold_behavior",
        "logtostderr",
        "one_output",
        "skip_headers",
        "skip_log_headers",
    }
)
LOG_VALUES = frozenset(
    {
        "alsologtostderrthreshold",
        "log_backtrace_at",
        "log_dir",
        "log_file",
        "log_file_max_size",
        "stderrthreshold",
        "vmodule",
    }
)


def flags_of(command: Command) -> dict[str, Flag]:
    """The flags of one command by name."""
    return {flag.name: flag for flag in FLAGS if command in flag.commands}
