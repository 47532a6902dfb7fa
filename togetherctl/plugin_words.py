"""Find and serve the ready file of kubelogin's flags, which the digest of the words themselves names.

The script `kubectl-together_login` asks the same in POSIX sh. Like `fastpath`, this loads nothing that takes time. What
a glance does not explain has no ready file: a secret, a path from the current folder, a flag whose effect is elsewhere.
"""

import os
import time

from togetherctl import fastpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What is digested begins with this; a change of what is digested is a change here.
MARK = "togetherctl-flags 1"
FOLDER_FLAG = "token-cache-dir"
AUTHORITY_FLAG = "certificate-authority"
# Our own among them.
VERSION_FLAG = "api-version"
# The flags that may be among the words, with a value or without. Those that hold secrets, or that change whether a
# token in the cache may be served at all, are not here.
FLAGS = (
    "authentication-timeout-sec",
    "browser-command",
    "certificate-authority-data",
    "grant-type",
    "insecure-skip-tls-verify",
    "listen-address",
    "local-server-cert",
    "local-server-key",
    "oidc-auth-request-extra-params",
    "oidc-client-id",
    "oidc-extra-scope",
    "oidc-issuer-url",
    "oidc-pkce-method",
    "oidc-redirect-url",
    "oidc-redirect-url-hostname",
    "oidc-use-access-token",
    "oidc-use-pkce",
    "open-url-after-authentication",
    "skip-open-browser",
    "tls-renegotiation-freely",
    "tls-renegotiation-once",
    "username",
)
_KNOWN = frozenset(f"--{flag}" for flag in FLAGS)
_LONGEST_BUNDLE = 16 * 1024 * 1024


class PluginWords:
    """What some words mean for their ready file: its `name`, the folders `ready` and `sessions` as sh would write them.

    `files` are those of certificate authorities, and `authorities` their digests as they are now, `-` where there are
    none; `version` is that of the answer where the client names none; `flags` are the words that are kubelogin's.
    """

    __slots__ = ("authorities", "files", "flags", "name", "ready", "sessions", "version")

    def __init__(self, ready: str, sessions: str) -> None:
        self.name = ""
        self.ready = ready
        self.sessions = sessions
        self.files: list[str] = []
        self.authorities = "-"
        # As kubelogin answers.
        self.version = "v1beta1"
        self.flags: list[str] = []


def read_words(arguments: "Sequence[str]", environ: "Mapping[str, str]") -> "PluginWords | None":
    """What the arguments after the program's name mean; None where they can have no ready file. Raises OSError."""
    if os.name != "posix" or list(arguments[:1]) != ["get-token"] or environ.get("OIDC_CLIENT_SECRET"):
        return None
    home = environ.get("HOME", "")
    folders = _find_folders(home, environ)
    if folders is None:
        return None
    words = PluginWords(*folders)
    if not all(_take(words, word, home) for word in arguments[1:]) or "\n" in home + words.sessions:
        return None
    text = "\n".join((MARK, home, words.sessions, *arguments[1:], "", ""))
    words.name = f"flags-{_digest(os.fsencode(text))}"
    words.authorities = ",".join([_digest(_read(path)) for path in words.files]) or "-"
    return words


def find_credential(arguments: "Sequence[str]", environ: "Mapping[str, str]") -> "bytes | None":
    """The credential that lies ready for these words; None where there is none that is good.

    Raises OSError and ValueError.
    """
    words = read_words(arguments, environ)
    if words is None:
        return None
    version = fastpath.wanted_version(environ.get("KUBERNETES_EXEC_INFO", ""), words.version)
    if version is None:
        return None
    found = fastpath.read_ready(
        f"{words.ready}/{words.name}",
        named=words.name,
        made_of=words.authorities,
        sessions=words.sessions,
        now=time.time(),
    )
    return fastpath.in_version(found, version)


def _take(words: PluginWords, word: str, home: str) -> bool:
    """Add what one word means; False where that is not seen at a glance."""
    flag, sign, value = word.partition("=")
    place = f"{home}{value[1:]}" if value == "~" or value.startswith("~/") else value
    if "\n" in word:
        return False
    if flag == f"--{VERSION_FLAG}":
        words.version = value
        # After a flag without its value this would be that value.
        split = bool(words.flags) and words.flags[-1].startswith("-") and "=" not in words.flags[-1]
        return value in ("v1", "v1beta1") and not split
    words.flags.append(word)
    if flag == f"--{FOLDER_FLAG}" and sign and place.startswith("/"):
        words.sessions = place
    elif flag == f"--{AUTHORITY_FLAG}" and sign and value != "~" and place.startswith("/"):
        words.files.append(place)
    else:
        return not word.startswith("-") or flag in _KNOWN
    return True


def _find_folders(home: str, environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    """Where ready files and sessions are without these flags; paths stay as they are written, as in sh."""
    top, cached = environ.get("TOGETHERCTL_HOME", ""), environ.get("KUBECACHEDIR", "")
    if not home.startswith("/") or (top and top[0] != "/") or (cached and cached[0] != "/"):
        return None
    state, cache = environ.get("XDG_STATE_HOME", ""), environ.get("XDG_CACHE_HOME", "")
    state = f"{top}/state" if top else f"{state if state[:1] == '/' else f'{home}/.local/state'}/togetherctl"
    cache = f"{top}/cache" if top else f"{cache if cache[:1] == '/' else f'{home}/.cache'}/togetherctl"
    return f"{cache}/ready", f"{cached}/oidc-login" if cached else f"{state}/sessions"


def _read(path: str) -> bytes:
    # Only a plain file, as the script has it: anything else could keep this waiting.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o170000 != 0o100000 or status.st_size > _LONGEST_BUNDLE:
            raise OSError(f"{path} is no file of certificates")
        parts = []
        while part := os.read(descriptor, 1024 * 1024):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _digest(data: bytes) -> str:
    # hashlib loads OpenSSL, which takes longer than all that happens here.
    try:
        from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore] # Python 3.12 and newer
    except ImportError:
        try:
            from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore] # before that
        except ImportError:
            from hashlib import sha256
    digest: str = sha256(data).hexdigest()
    return digest
