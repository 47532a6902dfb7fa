"""Other people's identity providers as processes on loopback, each with a client of ours and a person called `me`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import need, need_provider
from tests.support.provider import CLIENT_ID, PASSWORD
from tests.support.running import free_port, running

SOURCES = Path(__file__).parents[1] / "real" / "providers"
SECRET = "a-secret-of-the-client"
# Seconds that its tokens live; Spring's ID tokens live 30 minutes whatever is set.
LIFETIME = 300
_START_SECONDS = 180
# What Java needs of the developer's environment, read before it is made bare.
_ENVIRON = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME", "LANG") if name in os.environ}


@dataclass(frozen=True)
class Client:
    """A client as it is registered."""

    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str | None = None


Started = dict[str, Client]


@contextmanager
def django_oauth_toolkit(folder: Path) -> Iterator[Started]:
    """An application has one grant there, so device codes have one of their own."""
    python = need_provider("django") / "bin" / "python"
    redirect_uri = f"http://localhost:{free_port()}"
    given = {"folder": str(folder), "redirectUris": [redirect_uri], "lifetime": LIFETIME, "password": PASSWORD}
    with subprocess.Popen(
        [python, SOURCES / "django" / "site.py", json.dumps(given)],
        env=_ENVIRON,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            issuer = process.stdout.readline().strip()
            yield {
                "django": Client(issuer, CLIENT_ID, redirect_uri),
                "django, device codes": Client(issuer, "device", redirect_uri),
            }
        finally:
            process.stdin.close()
            process.wait(15)


@contextmanager
def keycloak(folder: Path) -> Iterator[Started]:
    """Keycloak with one realm, where each refresh uses its token up; its database is in its memory."""
    need("java")
    # It writes into its own folder, so each run has a copy.
    home = folder / "keycloak"
    shutil.copytree(need_provider("keycloak"), home)
    redirect_uri, port = f"http://localhost:{free_port()}", free_port()
    realm = json.loads((SOURCES / "keycloak" / "realm.json").read_text(encoding="utf-8"))
    realm["accessTokenLifespan"] = LIFETIME
    realm["users"][0]["credentials"][0]["value"] = PASSWORD
    realm["clients"][0] |= {"clientId": CLIENT_ID, "redirectUris": [redirect_uri]}
    (home / "data" / "import").mkdir(parents=True, exist_ok=True)
    (home / "data" / "import" / "realm.json").write_text(json.dumps(realm), encoding="utf-8")
    words = [str(home / "bin" / "kc.sh"), "start", "--optimized", "--import-realm", "--cache=local"]
    words += ["--http-enabled=true", "--http-host=127.0.0.1", f"--http-port={port}", "--hostname-strict=false"]
    issuer = f"http://localhost:{port}/realms/tests"
    environ = {**_ENVIRON, "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m"}
    with running(words, folder / "keycloak.log", environ) as server:
        server.wait_for(f"{issuer}/.well-known/openid-configuration", seconds=_START_SECONDS)
        yield {"keycloak": Client(issuer, CLIENT_ID, redirect_uri)}


@contextmanager
def spring(folder: Path) -> Iterator[Started]:
    """Spring Authorization Server with a client that has a secret and one that has none."""
    program = need_provider("spring") / "provider.jar"
    redirect_uri, port = f"http://localhost:{free_port()}", free_port()
    words = [need("java"), "-Xmx256m", "-jar", str(program), f"--server.port={port}", f"--redirect={redirect_uri}"]
    words += [f"--lifetime={LIFETIME}s", f"--password={PASSWORD}", f"--secret={SECRET}"]
    issuer = f"http://localhost:{port}"
    with running(words, folder / "spring.log", _ENVIRON) as server:
        server.wait_for(f"{issuer}/.well-known/openid-configuration", seconds=_START_SECONDS)
        yield {
            "spring": Client(issuer, f"{CLIENT_ID}-with-secret", redirect_uri, SECRET),
            "spring, without a secret": Client(issuer, CLIENT_ID, redirect_uri),
        }
