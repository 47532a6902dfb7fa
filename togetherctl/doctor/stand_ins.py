"""Replace names and addresses in a text by stand-ins, the same name by the same stand-in all over that text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import PurePath

# Parts of paths and addresses that are the same everywhere, and say something.
_PLAIN_WORDS = """
    api apis app application applications application.o auth authentication.k8s.io authorize bin cache
    callback config connect console default dev device discovery etc home keys lib lib64 libexec local master
    mnt o oauth oauth2 oidc openid-connect openid-configuration openid private protocol realms revoke root run
    sbin share site-packages snap src state system.default tmp token tenants userinfo usr var venv .venv v1
    v1.0 v2 v2.0 well-known .well-known library opt program files users appdata roaming localappdata .config
    .cache .local .kube .profile .bashrc .zshrc .zshenv environment environment.d systemd user completions
    bash-completion fish zsh site-functions sessions ready profiles shim bundles edits kubeconfigs
    contexts.json taken.json config.toml config.lock kuberc togetherctl kubectl kubectl-together_login
    kubectl_complete-together_login kubelogin python python3 uv tools pipx venvs homebrew cellar .tool
    versions shims .pyenv .asdf .mise .krew tctl selfsubjectreviews null stdin stdout index.html healthz
    readyz livez version oauth-authorization-server openid-federation jwks certs introspect logout
"""
_PLAIN = frozenset(_PLAIN_WORDS.split())
# Endings of files, so that a file's name is not taken for a host's.
_ENDING_WORDS = """
    bat cert cfg cmd conf crt css csr d der env exe fish html js json key lock log md p12 pem ps1 py pyc pyz
    sh so toml txt whl xml yaml yml zip zsh
"""
_ENDINGS = frozenset(_ENDING_WORDS.split())
# Dotted words of Kubernetes and of ours, which are no hosts.
_PUBLIC = re.compile(
    r"(?:.*\.)?(?:k8s\.io|kubernetes\.io|localhost|localdomain|togetherctl\.[a-z_.]+|example)$", re.IGNORECASE
)
_TABLES = frozenset({"issuers", "profiles", "clusters", "bundles", "agent"})
_LOCAL_HOSTS = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
# What ends a path or an address.
_PARTS = re.compile(r"[\s/\\|]")
# A name of this length stands in too many words; one of two letters does where it has a digit in it.
_SHORTEST = 3

_TOKENS = r"""
  (?P<address>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s"'<>`|\\^{}]+)
| (?P<email>(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+)
| (?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)
| (?P<ip>(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|\[?[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:%\w+)?\]?)(?![\w.]*[\w]))
| (?P<path>(?<![\w.])(?:~|[a-z]:(?=\\))?[/\\][^\s"'<>`|:;,()\[\]{}=]+)
| (?P<host>(?<![\w-])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+(?![\w-]))
"""


class StandIns:
    """Stand-ins for one text: give it the names that are known, with their kinds, then the text.

    A host in an address, an e-mail address, an IP address, a UUID and a path are recognised by their form. A name that
    is a `common` word, such as a command's, says nothing of its owner and stays as it is.
    """

    def __init__(self, known: Iterable[tuple[str, str]], *, home: str = "", common: Iterable[str] = ()) -> None:
        self._home = home.rstrip("/\\")
        self._numbers: Counter[str] = Counter()
        self._made: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        usual = {word.lower() for word in common}
        for kind, name in known:
            lower = name.strip().lower()
            long = len(lower) >= _SHORTEST or (len(lower) > 1 and any(char.isdigit() for char in lower))
            if long and lower not in usual and lower not in _LOCAL_HOSTS:
                # One name of two things has one stand-in, which then says so.
                self._kinds[lower] = "name" if self._kinds.get(lower, kind) != kind else kind
        # What its form would cut in two comes before the forms.
        whole = _any_of("whole", [name for name in self._kinds if _PARTS.search(name)])
        by_name = _any_of("name", self._kinds)
        self._pattern = re.compile("|".join(filter(None, (whole, _TOKENS, by_name))), re.VERBOSE | re.IGNORECASE)
        self._names = re.compile(by_name, re.VERBOSE | re.IGNORECASE) if by_name else None

    def replace(self, text: str) -> str:
        """The text with every name and address replaced."""
        if self._home:
            text = re.sub(rf"{re.escape(self._home)}(?![\w.-])", "~", text)
        return self._pattern.sub(self._replace_token, text)

    def _replace_token(self, match: re.Match[str]) -> str:
        kind, found = str(match.lastgroup), match[0]
        if found.lower() in self._kinds:
            return self._stand_in(self._kinds[found.lower()], found)
        replacements = {
            "address": self._address,
            "email": self._email,
            "ip": self._ip,
            "path": self._path,
            "host": self._host_or_word,
        }
        return replacements[kind](found) if kind in replacements else self._stand_in(kind, found)

    def _stand_in(self, kind: str, name: str) -> str:
        key = name.lower()
        if key not in self._made:
            self._numbers[kind] += 1
            self._made[key] = f"{kind}-{self._numbers[kind]}"
        return self._made[key]

    def _address(self, found: str) -> str:
        # A full stop or a bracket at its end belongs to the sentence.
        found = found.replace("(hidden)", "…")
        address = found.rstrip(".,;:!?)]") if not re.search(r"\[[^\]]*\]$", found) else found
        rest = found[len(address) :]
        scheme, _, tail = address.partition("://")
        place, slash, path = tail.partition("/")
        place, query_mark, query = place.partition("?") if "?" in place else (place, "", "")
        user, at, host = place.rpartition("@")
        name, colon, _password = user.partition(":")
        shown = (
            f"{scheme}://{self._stand_in('user', name) if at else ''}{colon and ':…'}{at}{self._host_and_port(host)}"
        )
        path, mark, behind = path.partition("?")
        ends = "?…" if (mark and behind) or (query_mark and query) else ""
        return f"{shown}{slash}{'/'.join(map(self._segment, path.split('/')))}{ends}{rest}"

    def _host_and_port(self, host: str) -> str:
        match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d*)?", host)
        if match is None:
            return self._stand_in("host", host)
        name, port = match[1], match[2] or ""
        return f"{self._ip(name) if _is_ip(name) else self._host(name)}{port}"

    def _email(self, found: str) -> str:
        return self._stand_in("email", found)

    def _ip(self, found: str) -> str:
        inner = found.strip("[]").partition("%")[0]
        if not _is_ip(inner):
            return found
        address = ip_address(inner)
        return found if address.is_loopback or address.is_unspecified else self._stand_in("ip", found)

    def _host(self, found: str) -> str:
        if found.lower() in _LOCAL_HOSTS or not found:
            return found
        return self._stand_in("host", found)

    def _host_or_word(self, found: str) -> str:
        """A host by its form; a version, a file's name and a key of the configuration are none."""
        first, last = found.partition(".")[0].lower(), found.rpartition(".")[2].lower()
        if first in _TABLES or not last.isalpha() or len(last) < 2 or _PUBLIC.fullmatch(found):
            return self._words(found)
        if last in _ENDINGS:
            return self._file(found)
        if found.lower() in self._made:
            return self._made[found.lower()]
        return self._host(found)

    def _path(self, found: str) -> str:
        path = found.rstrip(".!?") or found
        rest = found[len(path) :]
        separator = "\\" if "\\" in path else "/"
        return separator.join(map(self._segment, path.split(separator))) + rest

    def _segment(self, part: str) -> str:
        """A part of a path: what is the same everywhere stays."""
        if not part or part in ("~", "…", "..", ".") or part.lower() in _PLAIN or re.fullmatch(r"[a-z]:", part.lower()):
            return part
        if part.lower() in self._kinds:
            return self._stand_in(self._kinds[part.lower()], part)
        if re.fullmatch(r"python\d(?:\.\d+)*|v?\d+(?:\.\d+)*", part.lower()):
            return part
        return self._file(part)

    def _file(self, name: str) -> str:
        if name.lower() in _PLAIN:
            return name
        ending = PurePath(name).suffix if PurePath(name).suffix[1:].lower() in _ENDINGS else ""
        return self._stand_in("path", name.removesuffix(ending) or name) + ending

    def _words(self, text: str) -> str:
        """The text with the names that are known replaced, and no more."""
        if self._names is None:
            return text
        return self._names.sub(lambda match: self._stand_in(self._kinds[match[0].lower()], match[0]), text)


def _any_of(group: str, names: Iterable[str]) -> str:
    """A pattern for any of these, the longest first, as words of their own."""
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return rf"(?P<{group}>(?<![^\W_])(?:{either})(?![^\W_]))" if either else ""


def _is_ip(text: str) -> bool:
    try:
        ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
