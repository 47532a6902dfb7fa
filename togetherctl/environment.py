"""Document every environment variable, and choose those that other programs get."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from togetherctl.records import NamedTuple

HOME = "TOGETHERCTL_HOME"
CONFIG = "TOGETHERCTL_CONFIG"
PROFILE = "TOGETHERCTL_PROFILE"
LOGIN = "TOGETHERCTL_LOGIN"
BROWSER = "TOGETHERCTL_BROWSER"
NO_INPUT = "TOGETHERCTL_NO_INPUT"
CALLERS = "TOGETHERCTL_CALLERS"
CLUSTER = "TOGETHERCTL_CLUSTER"
AGENT = "TOGETHERCTL_AGENT"
EXEC_INFO = "KUBERNETES_EXEC_INFO"
# Set by the shell scripts of `completion` alone, for the one call that answers them.
COMPLETING = "_TOGETHERCTL_COMPLETE"
KUBERC = "KUBERC"
KUBECTL_KUBERC = "KUBECTL_KUBERC"
KUBE_CACHE = "KUBECACHEDIR"
API_KEY = "TOGETHER_API_KEY"
BASE_URL = "TOGETHER_BASE_URL"
CLIENT_SECRET = "OIDC_CLIENT_SECRET"  # noqa: S105 # the name of a variable


class Variable(NamedTuple):
    """One variable and what setting it does."""

    name: str
    meaning: str


VARIABLES = (
    Variable(HOME, "Puts the configuration, the state and the cache under this folder."),
    Variable(CONFIG, "Reads this file as the configuration instead of the usual `config.toml`."),
    Variable(PROFILE, "The profile meant where a command leaves it out; overrides `default_profile`."),
    Variable(LOGIN, "`never`: `get-token` opens no login by itself. `auto`: it may. Overrides a profile's `login`."),
    Variable(
        BROWSER,
        "The browser to open, as a command line split the way a shell splits words; the URL replaces `{url}` or comes "
        "last. Overrides a profile's `browser`.",
    ),
    Variable(NO_INPUT, "`1`: never asks anything and never opens a browser."),
    Variable(
        "CI",
        "Set and not empty, `0` or `false`: as `TOGETHERCTL_NO_INPUT=1`, and nothing is refreshed in the background.",
    ),
    Variable("VISUAL", "The editor that `config edit` opens, as a command line; else `EDITOR`, else vi."),
    Variable("NO_COLOR", "Set and not empty: no colour on any terminal."),
    Variable(
        "HTTPS_PROXY",
        "The proxy for https issuers without a `proxy` of their own: http, https or socks5; `https_proxy` likewise.",
    ),
    Variable("ALL_PROXY", "The same where `HTTPS_PROXY` is not set; kubectl does not look at this one."),
    Variable("NO_PROXY", "Hosts reached without a proxy, by Go's rules: names, `.suffix`, addresses, CIDR, `*`."),
    Variable("SSL_CERT_FILE", "A PEM file of trusted certificates instead of the system's; `SSL_CERT_DIR` likewise."),
    Variable("PYTHON_KEYRING_BACKEND", "The keyring to use instead of the system's, as the library keyring names it."),
    Variable("KUBECONFIG", "The kubeconfig files, as kubectl reads them."),
    Variable(
        KUBERC,
        "kubectl's preferences, if not `~/.kube/kuberc`; `off`, or `KUBECTL_KUBERC=false`, is none.",
    ),
    Variable(
        "XDG_CONFIG_HOME",
        "Where the configuration's folder is, if not `~/.config`; `XDG_STATE_HOME` and `XDG_CACHE_HOME` likewise.",
    ),
    Variable(
        "XDG_RUNTIME_DIR",
        "Where the sockets of the agent are, and, in memory, finished credentials of profiles with keyring storage.",
    ),
    Variable("DISPLAY", "Set, or `WAYLAND_DISPLAY`: there is a screen here that a browser can be shown on (Linux)."),
    Variable(
        "SSH_CONNECTION",
        "Set by sshd, as is `SSH_TTY`: `auto` does not count on a browser here. `container` and "
        "`KUBERNETES_SERVICE_HOST`, set in containers, likewise.",
    ),
    Variable(
        EXEC_INFO,
        "Set by kubectl for `get-token`: which version of the answer it wants, and whether a person may be asked here.",
    ),
    Variable(
        CLIENT_SECRET,
        "The client secret for `get-token` with kubelogin's flags, where `--oidc-client-secret` is left out and S256 "
        "is not forced. Profiles do not look at it.",
    ),
    Variable(KUBE_CACHE, "Sessions of `get-token` with kubelogin's flags go to its folder `oidc-login`."),
    Variable(
        API_KEY,
        "The API key of Together AI with which `init together` and `profile import together` list clusters; nothing "
        "else reads it, and it is not stored.",
    ),
    Variable(
        BASE_URL,
        "Where Together AI's API is, if not `https://api.together.ai`; https, or http on this machine. A `/v1` at its "
        "end does not count.",
    ),
    Variable(
        CLUSTER,
        "Set by `shell` and `run` for what they start: the name of its cluster, for a prompt or a script to show. "
        "togetherctl itself does not read it.",
    ),
    Variable(
        AGENT,
        "The socket of an agent that another machine forwards: `get-token --profile` asks there, whatever the "
        'configuration says, and profiles with `grant = "agent"` too. Without it these take the newest socket in '
        "`$XDG_RUNTIME_DIR/togetherctl/agents` and `~/.cache/togetherctl/agents`.",
    ),
    Variable(
        CALLERS,
        "Set by togetherctl for the `command` of a client secret: the profiles being served, so that a command that "
        "asks for the same profile again is told so instead of running for ever.",
    ),
)

_OFF = frozenset({"", "0", "false"})
_NOT_FOR_OTHERS = frozenset({API_KEY, CLIENT_SECRET, EXEC_INFO})


def for_child(environ: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """The environment for another program: no API key, no client secrets, nothing that kubectl set for us.

    `secrets` are the variables that hold this person's client secrets.
    """
    return {name: value for name, value in environ.items() if name not in _NOT_FOR_OTHERS and name not in secrets}


def for_refresh(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a refresh in the background, which may need the client secret of its profile."""
    return {name: value for name, value in environ.items() if name not in (API_KEY, EXEC_INFO)}


def is_on(environ: Mapping[str, str], name: str) -> bool:
    """Whether a switch is set: not empty, `0` or `false`."""
    return environ.get(name, "").strip().lower() not in _OFF


def may_ask(environ: Mapping[str, str]) -> bool:
    """Whether this run may ask a person anything or open a browser at all."""
    return not (is_on(environ, NO_INPUT) or is_on(environ, "CI"))


def may_leave_work_behind(environ: Mapping[str, str]) -> bool:
    """Whether a process of ours may go on after its caller was served; in CI it would outlive the job."""
    return not is_on(environ, "CI")
