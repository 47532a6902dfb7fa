"""Make the pictures of the terminal interface.

They show the real app over a made-up configuration, at a moment that stands still.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import Session, Token
from togetherctl.config.config import Config
from togetherctl.disk import make_private_folder
from togetherctl.tui.app import TogetherApp
from togetherctl.tui.job_prompter import NullPrompter
from togetherctl.usecases.kubeconfig_write import write_clusters
from togetherctl.wiring import World

if TYPE_CHECKING:
    from togetherctl.auth.prompter import Prompter

# 1 June 2026, 09:00 UTC.
NOW = 1_780_304_400.0
PICTURES = Path(__file__).parent / "pictures"
_STORE = """\
version = 1

[issuers.acme]
url = "https://login.acme.com"

[issuers.lab]
url = "https://id.lab.acme.com/realms/research"

[profiles.acme]
issuer = "acme"
client_id = "kubernetes"

[profiles.acme-admin]
issuer = "acme"
client_id = "kubernetes"
scopes = ["openid", "email", "groups"]

[profiles.research]
issuer = "lab"
client_id = "k8s-research"
grant = "device-code"
token = "access"

[profiles.training]
issuer = "lab"
client_id = "k8s-training"

[profiles.archive]
issuer = "acme"
client_id = "archive"
storage = "keyring"

[clusters.east]
profile = "acme"
server = "https://east.k8s.acme.com:6443"

[clusters.west]
profile = "acme"
server = "https://west.k8s.acme.com:6443"
context = "acme-west"

[clusters.east-admin]
profile = "acme-admin"
server = "https://east.k8s.acme.com:6443"

[clusters.gpu]
profile = "research"
server = "https://gpu.lab.acme.com:6443"
namespace = "llm"

[clusters.old-gpu]
profile = "training"
server = "https://old-gpu.lab.acme.com:6443"

[clusters.archive]
profile = "archive"
server = "https://archive.k8s.acme.com:6443"
"""


def made_up(folder: Path) -> Callable[[Prompter], World]:
    """A configuration with sessions in `folder`, as the app wants it; the clock stands at `NOW`."""
    make_private_folder(folder)
    config_file = folder / "config.toml"
    config_file.write_text(_STORE, encoding="utf-8")
    config_file.chmod(0o600)
    environ = {"HOME": str(folder), "TOGETHERCTL_HOME": str(folder)}

    def make_world(conversation: Prompter) -> World:
        return World(environ, conversation, clock=lambda: NOW)

    config = Config.load(config_file, environ)
    sessions = FileSessions(folder / "state" / "sessions")
    for name, lived, left, keys in (
        ("acme", 540, 3060, {}),
        ("acme-admin", 3000, 600, {"groups": ["platform", "on-call"]}),
        ("research", 7200, -5400, {}),
        ("training", 90000, -86400, {}),
    ):
        profile = config.profile(name)
        session = _session(profile.issuer.url, profile.client_id, NOW - lived, NOW + left, keys)
        if name == "training":
            session = session.failed(NOW - 86000, "login_required", "the issuer says the session is over", refused=True)
        sessions.save(profile.key, session)
    _write_kubeconfig(make_world(NullPrompter()), folder)
    return make_world


def _write_kubeconfig(world: World, folder: Path) -> None:
    """All clusters but one, with one as current; of one, the kubeconfig has another server."""
    names = [name for name in world.config.table.clusters if name not in ("archive", "east")]
    write_clusters(world, ["east"], portable=True, set_current=True)
    write_clusters(world, names, portable=True)
    kubeconfig = folder / ".kube" / "config"
    text = kubeconfig.read_text(encoding="utf-8")
    kubeconfig.write_text(text.replace("https://old-gpu.", "https://older-gpu."), encoding="utf-8")


def _session(issuer: str, client_id: str, since: float, until: float, more: dict[str, Any]) -> Session:
    claims = {
        "iss": issuer,
        "sub": "2f7c1d0e-me",
        "aud": client_id,
        "email": "me@acme.com",
        "email_verified": True,
        "iat": int(since),
        "exp": int(until),
        **more,
    }
    token = Token(f"{_part({'alg': 'none'})}.{_part(claims)}.", since, until)
    scope = "openid email" + (" groups" if more else "") + " offline_access"
    return Session(issuer, client_id, "2f7c1d0e-me", "me@acme.com", token, token, "a-made-up-refresh-token", scope)


def _part(content: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


async def _pictures(make_world: Callable[[Prompter], World]) -> dict[str, str]:
    """Each picture by its name, as SVG."""
    found = {}
    for name, size, keys in (("home", (112, 22), ()), ("wide", (136, 27), ()), ("light", (112, 22), ("T",))):
        app = TogetherApp(make_world)
        async with app.run_test(size=size) as pilot:
            while not app.rows or not all(row.looked for row in app.rows.values()) or app.kubeconfig is None:
                await pilot.pause(0.05)
            await pilot.press(*keys)
            await pilot.pause()
            found[name] = _small(app.export_screenshot(title="togetherctl"))
    return found


def _small(svg: str) -> str:
    """Without the fonts it would fetch from elsewhere, and with names that do not change from run to run."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"terminal-\d+-", "t-", svg).replace("Fira Code, ", "")


def main() -> None:
    """Write all pictures again."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        for name, svg in asyncio.run(_pictures(made_up(Path(folder) / "home"))).items():
            (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
            sys.stdout.write(f"{name}.svg: {len(svg.encode())} bytes\n")


if __name__ == "__main__":
    main()
