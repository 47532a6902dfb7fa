"""The blind trial: set-ups broken as people break them, written down before any check of `doctor` was there.

Each takes a set-up that works, breaks one thing of it, and gives the words that doctor must say about it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.issuer import Reply
from tests.support.programs import missing, need
from tests.support.secret_service import PASSWORD, private_service

if TYPE_CHECKING:
    import trustme

    from tests.conftest import Done, Run
    from tests.support.canary import Canary
    from tests.support.cluster import ScriptedCluster
    from tests.support.issuer import ScriptedIssuer

_LOCKS = """
import os, pathlib, signal, sys
from togetherctl.kube.kubeconfig import hold_locks
with hold_locks([pathlib.Path(sys.argv[1])]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass
class Setup:
    """A configuration, a session, a kubeconfig with its shim, an issuer and an API server, which all fit together."""

    home: Path
    issuer: ScriptedIssuer
    cluster: ScriptedCluster
    authority: trustme.CA
    canary: Canary
    process: Run
    call: Run
    stack: ExitStack
    environ: dict[str, str] = field(default_factory=dict)
    # A command that runs doctor instead of this process, as `unshare`.
    runs_in: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.home / "tctl"

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def sessions(self) -> Path:
        return self.folder / "state" / "sessions"

    @property
    def session(self) -> Path:
        [path] = self.sessions.glob("*.json")
        return path

    @property
    def shim(self) -> Path:
        return self.folder / "state" / "shim" / "togetherctl"

    @property
    def kubeconfig(self) -> Path:
        return self.home / ".kube" / "config"

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text, (path, old)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def set_key(self, table: str, line: str) -> None:
        """Add a key to a table of the configuration."""
        self.edit(self.config, f"[{table}]\n", f"[{table}]\n{line}\n")

    def run(self, *words: str) -> Done:
        return self.process(*words, **self.environ)

    def done(self, *words: str) -> None:
        done = self.run(*words)
        assert done.code == 0, done.stderr

    def log_in(self, *words: str) -> None:
        done = self.call("login", "acme", *words, **self.environ)
        assert done.code == 0, done.stderr

    def doctor(self, *words: str) -> list[dict[str, Any]]:
        """What doctor finds, in a process of its own."""
        if self.runs_in:
            command = [*self.runs_in, sys.executable, "-m", "togetherctl", "doctor", "-o", "json", *words]
            ran = subprocess.run(
                command, env={**os.environ, **self.environ}, capture_output=True, text=True, timeout=120, check=False
            )
            stdout, stderr = ran.stdout, ran.stderr
        else:
            done = self.run("doctor", "-o", "json", *words)
            stdout, stderr = done.stdout, done.stderr
        try:
            return list(json.loads(stdout)["items"])
        except (ValueError, KeyError):
            raise AssertionError(f"doctor gave no list: {stdout[:400]} {stderr[-400:]}") from None


Break = Callable[[Setup], Iterable[str]]


@dataclass(frozen=True)
class Trouble:
    """`what` happened, in a person's words; `checks` that may name it; whether `--fix` must mend it."""

    what: str
    breaks: Break
    checks: tuple[str, ...]
    mended: bool

    @property
    def name(self) -> str:
        return self.breaks.__name__


TRIAL: list[Trouble] = []


def trouble(what: str, *checks: str, mended: bool = False) -> Callable[[Break], Break]:
    def keep(breaks: Break) -> Break:
        TRIAL.append(Trouble(what, breaks, checks, mended))
        return breaks

    return keep


# The issuer.


@trouble("I took the client ID from another application of ours", "issuer-client")
def wrong_client_id(setup: Setup) -> Iterable[str]:
    setup.edit(setup.config, f'client_id = "{setup.issuer.client_id}"', 'client_id = "wiki-frontend"')
    setup.issuer.always["/authorize"] = Reply(400, b"<h1>Unknown client</h1>", {"Content-Type": "text/html"})
    return ["wiki-frontend"]


@trouble("The issuer has a certificate of our company's authority, and I forgot ca_file", "issuer-tls")
def authority_missing(setup: Setup) -> Iterable[str]:
    setup.edit(setup.config, f'ca_file = "{setup.home / "ca.pem"}"\n', "")
    # The name of the authority that is missing.
    return ["trustme"]


@trouble("I pasted the issuer's address from the browser, with a slash at its end", "issuer-discovery")
def issuer_with_slash(setup: Setup) -> Iterable[str]:
    setup.edit(setup.config, f'url = "{setup.issuer.url}"', f'url = "{setup.issuer.url}/"')
    return [setup.issuer.url]


@trouble("The clock of my virtual machine is two hours slow since the laptop slept", "issuer-clock")
def clock_off(setup: Setup) -> Iterable[str]:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        missing("libfaketime is not installed")
    setup.environ |= {"LD_PRELOAD": str(library), "FAKETIME": "-2h"}
    setup.issuer.always["/.well-known/openid-configuration"] = Reply(
        body=setup.issuer.metadata(), headers={"Date": formatdate(setup.issuer.clock(), usegmt=True)}
    )
    return ["clock"]


@trouble("Our proxy for the issuer is down", "issuer-proxy", "issuer-discovery")
def proxy_down(setup: Setup) -> Iterable[str]:
    proxy = f"http://127.0.0.1:{unused_port()}"
    setup.set_key("issuers.acme", f'proxy = "{proxy}"')
    return [proxy.removeprefix("http://"), "proxy"]


# The login.


@trouble("Another program has the port of the redirect URI", "login-ports")
def port_held(setup: Setup) -> Iterable[str]:
    port = unused_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    setup.stack.callback(server.wait, 10)
    setup.stack.callback(server.kill)
    wait_for(port)
    setup.edit(setup.config, "http://localhost:0", f"http://localhost:{port}")
    # At a desk; where the tests run there may be no screen.
    setup.set_key("profiles.acme", 'grant = "authcode"')
    return [str(port), str(server.pid)]


@trouble("I clicked Deny by mistake, and now no browser opens any more", "login-cooldown", mended=True)
def cooldown(setup: Setup) -> Iterable[str]:
    setup.done("logout", "acme", "--local")
    setup.issuer.always["/authorize"] = Reply(302, b"", {})
    program = setup.home / "browser"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.support.visit deny "{setup.home}/log" "$1"\n')
    program.chmod(0o700)
    done = setup.process("get-token", "--profile", "acme", TOGETHERCTL_BROWSER=str(program), **setup.environ)
    assert done.code != 0
    return ["acme"]


# The files of togetherctl.


@trouble(
    "I copied my home with cp to a new machine, and all may read the folder of sessions", "storage-folders", mended=True
)
def folder_open(setup: Setup) -> Iterable[str]:
    setup.sessions.chmod(0o755)
    setup.session.chmod(0o644)
    return [str(setup.sessions)]


@trouble("The disk with my home is full", "storage-space", "storage-folders")
def disk_full(setup: Setup) -> Iterable[str]:
    state, kept = setup.folder / "state", setup.home / "kept" / "state"
    shutil.copytree(state, kept)
    small = (
        'mount -t tmpfs -o size=256k,mode=700 none "$0" && cp -a "$1/." "$0" || exit 9\n'
        'shift; cat /dev/zero >"$0/ballast" 2>/dev/null; exec "$@"'
    )
    setup.runs_in = [need("unshare"), "--mount", "--map-root-user", "sh", "-c", small, str(state), str(kept)]
    if subprocess.run([*setup.runs_in, "true"], capture_output=True, check=False, timeout=30).returncode != 0:
        missing("no small file system can be mounted here")
    return [str(state)]


@trouble("My keyring is locked, and I am logged in over SSH", "storage-keyring")
def keyring_locked(setup: Setup) -> Iterable[str]:
    service = use_keyring(setup)
    service.lock()
    return ["keyring", "locked"]


@trouble("I made a new keyring after I forgot the password of the old one", "storage-sealed")
def sealed_without_key(setup: Setup) -> Iterable[str]:
    service = use_keyring(setup)
    script = (
        "import secretstorage\n"
        "with secretstorage.dbus_init() as bus:\n"
        "    for item in list(secretstorage.get_default_collection(bus).get_all_items()): item.delete()\n"
    )
    subprocess.run([sys.executable, "-c", script], env={**os.environ, **service.variables}, check=True, timeout=30)
    return ["acme"]


@trouble("I made a profile, and no cluster uses it", "configuration-unused")
def profile_without_cluster(setup: Setup) -> Iterable[str]:
    with setup.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[profiles.spare]\nissuer = "acme"\nclient_id = "{setup.issuer.client_id}"\n')
    return ["spare"]


# Kubeconfigs and programs.


@trouble(
    "kubectl config says that the kubeconfig is locked since togetherctl was killed", "kubeconfig-lock", mended=True
)
def stale_lock(setup: Setup) -> Iterable[str]:
    ended = subprocess.run([sys.executable, "-c", _LOCKS, str(setup.kubeconfig)], check=False, timeout=30)
    assert ended.returncode == -signal.SIGKILL
    lock = setup.kubeconfig.with_name("config.lock")
    assert lock.exists()
    return [str(lock)]


@trouble(
    "I updated togetherctl, and the script that kubectl calls is still the old one", "kubeconfig-shim", mended=True
)
def old_shim(setup: Setup) -> Iterable[str]:
    setup.edit(setup.shim, "#!/bin/sh\n", "#!/bin/sh\n# Of an older version.\n")
    return [str(setup.shim)]


@trouble("I took a cluster out of config.toml in my editor, kubectl still lists it", "kubeconfig-entries", mended=True)
def orphaned_entry(setup: Setup) -> Iterable[str]:
    with_west = setup.config.read_text(encoding="utf-8")
    setup.config.write_text(f'{with_west}\n[clusters.west]\nprofile = "acme"\nserver = "{setup.cluster.url}"\n')
    setup.done("kubeconfig", "write", "--yes")
    setup.config.write_text(with_west, encoding="utf-8")
    return ["west"]


@trouble("I once put a token into our user by hand", "kubeconfig-other-credentials")
def static_token(setup: Setup) -> Iterable[str]:
    token = setup.canary.watch("a static token", "static-abcdefgh-12345678")
    path = setup.kubeconfig
    # kubectl itself writes it, as the person did.
    kubectl = [need("kubectl"), "config", "--kubeconfig", str(path), "set", "users.togetherctl:acme.token", token]
    subprocess.run(kubectl, check=True, capture_output=True, timeout=60)
    setup.stack.callback(path.unlink)
    return ["togetherctl:acme", "token"]


@trouble("Our company allows only the plugins in its kuberc", "kubeconfig-kuberc")
def kuberc_forbids(setup: Setup) -> Iterable[str]:
    kuberc = setup.home / ".kube" / "kuberc"
    kuberc.write_text(
        "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist\n"
        "credentialPluginAllowlist:\n- command: aws-iam-authenticator\n",
        encoding="utf-8",
    )
    return [str(kuberc), "credentialPluginAllowlist"]


@trouble("One of the files in KUBECONFIG still has the marks of a git conflict", "kubeconfig-files")
def kubeconfig_unreadable(setup: Setup) -> Iterable[str]:
    broken = setup.home / ".kube" / "team.yaml"
    broken.write_text("<<<<<<< HEAD\nclusters: []\n=======\nclusters: [\n>>>>>>> main\n", encoding="utf-8")
    broken.chmod(0o600)
    setup.environ["KUBECONFIG"] = f"{setup.kubeconfig}:{broken}"
    return [str(broken)]


@trouble("I installed togetherctl twice, and the shell finds the old one", "installation-path")
def two_installed(setup: Setup) -> Iterable[str]:
    folders = []
    for name, body in (("old", "echo 0.0.9"), ("new", f'exec "{sys.executable}" -m togetherctl "$@"')):
        program = setup.home / name / "togetherctl"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        folders.append(str(program.parent))
    setup.environ["PATH"] = ":".join([*folders, os.environ["PATH"]])
    return [f"{folders[0]}/togetherctl", "0.0.9"]


# The token.


@trouble("The administrator ended my session, and every refresh is refused", "token-refresh", "token-state")
def refresh_refused(setup: Setup) -> Iterable[str]:
    setup.issuer.refresh_reply = Reply(400, {"error": "invalid_grant", "error_description": "session ended"})
    assert setup.run("refresh", "acme", "--force").code != 0
    return ["invalid_grant", "togetherctl login"]


@trouble("I am in hundreds of groups, and a load balancer answers 400 or 431", "token-size")
def token_too_large(setup: Setup) -> Iterable[str]:
    setup.issuer.claims["groups"] = [f"/departments/{number:04}/members-with-a-long-name" for number in range(700)]
    setup.log_in("--force")
    return ["KiB"]


@trouble(
    "The API server takes the user name from a claim that my token does not have", "token-claims", "cluster-access"
)
def claim_missing(setup: Setup) -> Iterable[str]:
    setup.set_key("clusters.east", 'username_claim = "preferred_username"')
    return ["preferred_username"]


# The cluster.


@trouble("The cluster was moved, and its old name is gone", "cluster-name")
def server_moved(setup: Setup) -> Iterable[str]:
    setup.edit(setup.config, f'server = "{setup.cluster.url}"', 'server = "https://k8s-old.acme.invalid:6443"')
    return ["k8s-old.acme.invalid"]


@trouble("The cluster was made again, with an authority of its own", "cluster-tls")
def cluster_authority(setup: Setup) -> Iterable[str]:
    import trustme

    other = setup.home / "old-cluster.pem"
    trustme.CA(organization_name="Old Cluster").cert_pem.write_to_path(str(other))
    setup.edit(setup.config, f'ca_file = "{setup.home / "cluster.pem"}"', f'ca_file = "{other}"')
    return ["east"]


@trouble("kubectl says that I must be logged in: the API server expects another audience", "cluster-access")
def refused_by_audience(setup: Setup) -> Iterable[str]:
    setup.cluster.always = Reply(401, {"kind": "Status", "code": 401, "message": "Unauthorized"})
    # What the person has to compare with the API server's flags.
    return [setup.issuer.url, setup.issuer.client_id]


@trouble("kubectl knows me and lets me do nothing: there is no role binding", "cluster-access")
def forbidden(setup: Setup) -> Iterable[str]:
    # What kube-apiserver says where an admin took system:basic-user away.
    said = (
        'selfsubjectreviews.authentication.k8s.io is forbidden: User "me@acme.com" cannot create resource '
        '"selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope'
    )
    setup.cluster.always = Reply(403, {"kind": "Status", "code": 403, "reason": "Forbidden", "message": said})
    return ["me@acme.com", "kubectl create clusterrolebinding"]


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nothing listens")


def use_keyring(setup: Setup) -> Any:
    """A session of `acme` that is sealed with a key in a real keyring."""
    need("dbus-daemon")
    need("gnome-keyring-daemon")
    setup.canary.watch("the keyring's password", PASSWORD)
    service = setup.stack.enter_context(private_service(setup.home))
    setup.environ |= service.variables
    setup.done("profile", "set", "acme", "storage=keyring", "--yes")
    return service
