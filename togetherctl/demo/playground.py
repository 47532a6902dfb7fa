"""The demo's own little world: an issuer, an API server and a folder, which all go when it ends."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from togetherctl.demo.api_server import ApiServer
from togetherctl.demo.certificate import make_certificate
from togetherctl.demo.issuer import CLIENT_ID, DemoIssuer
from togetherctl.demo.serving import listen, serving
from togetherctl.environment import for_child

EMAIL = "you@example.com"
LIFETIME = 300
# Variables that keep the demo from showing a login.
_LEFT_OUT = ("CI",)


@dataclass(frozen=True)
class Playground:
    """Where the demo's parts are; `environ` is what its commands run with."""

    folder: Path
    issuer: str
    client_id: str
    server: str
    ca_file: Path
    environ: Mapping[str, str]

    @property
    def exports(self) -> dict[str, str]:
        """The variables that make a shell use this playground."""
        return {name: self.environ[name] for name in ("TOGETHERCTL_HOME", "KUBECONFIG", "KUBECACHEDIR", "PATH")}


@contextmanager
def playground(environ: Mapping[str, str], *, by_hand: bool) -> Iterator[Playground]:
    """Start everything on free ports of loopback; `by_hand` leaves the login to a person's own browser."""
    with tempfile.TemporaryDirectory(prefix="togetherctl-demo-") as name, _issuer() as issuer:
        folder = Path(name)
        certificate = make_certificate(folder)
        api_server = ApiServer(
            issuer=issuer.url,
            client_id=CLIENT_ID,
            keys=lambda refetch: issuer.jwks(),  # noqa: ARG005 # keys that never change
            certificate=certificate,
        )
        with api_server.running():
            yield Playground(
                folder,
                issuer.url,
                CLIENT_ID,
                api_server.url,
                certificate[0],
                _environment(environ, folder, by_hand=by_hand),
            )


@contextmanager
def _issuer() -> Iterator[DemoIssuer]:
    # The port must be known before the issuer can name itself.
    server = listen("localhost")
    issuer = DemoIssuer(f"http://localhost:{server.server_port}", lifetime=LIFETIME, email=EMAIL)
    server.answer = issuer.answer
    with serving(server):
        yield issuer


def _environment(environ: Mapping[str, str], folder: Path, *, by_hand: bool) -> dict[str, str]:
    kept = {
        name: value
        for name, value in for_child(environ).items()
        if name not in _LEFT_OUT and not name.startswith("TOGETHERCTL_")
    }
    scripts = str(Path(sys.executable).parent)
    own = {
        "TOGETHERCTL_HOME": str(folder / "home"),
        "KUBECONFIG": str(folder / "kubeconfig"),
        # kubectl keeps what it hears of an API server, by default in the home of the person.
        "KUBECACHEDIR": str(folder / "kube-cache"),
        "PATH": f"{scripts}:{kept.get('PATH', '')}",
    }
    if not by_hand:
        visitor = [sys.executable, "-P", "-m", "togetherctl.demo.visitor", EMAIL, "{url}"]
        own["TOGETHERCTL_BROWSER"] = shlex.join(visitor)
    return {**kept, **own}
