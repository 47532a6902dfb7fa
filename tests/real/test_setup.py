"""`setup` at the certified provider: what it says is what the API server then sees."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.programs import need
from tests.support.provider import CLIENT_ID

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.real.conftest import Real
    from tests.support.canary import Canary


def test_flags_from_nothing_to_pods(real: Real, process: Run, home: Path, canary: Canary) -> None:
    done = process(
        "setup",
        f"--oidc-issuer-url={real.issuer}",
        f"--oidc-client-id={CLIENT_ID}",
        "--oidc-extra-scope=email,groups",
        "--listen-address=127.0.0.1:0",
        "--output=json",
        **real.environ,
    )
    assert done.code == 0, done.stderr
    item = json.loads(done.stdout)["item"]
    assert (item["username"], item["groups"]) == ("me@example.com", ["gpu-users"])
    assert item["claims"]["aud"] == CLIENT_ID
    # oidc-provider signs with RS256, the one algorithm that needs no flag.
    assert item["api_server_flags"] == [
        f"--oidc-issuer-url={real.issuer}",
        f"--oidc-client-id={CLIENT_ID}",
        "--oidc-username-claim=email",
        "--oidc-groups-claim=groups",
    ]
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))

    # On a person's machine the commands are run as they stand, but for what is the cluster's own.
    fresh = {**real.environ, "TOGETHERCTL_HOME": str(home / "fresh"), "KUBECONFIG": str(home / "fresh.yaml")}
    authority = process("cluster", "show", "gpu", "-o", "json", **real.environ)
    ca = json.loads(authority.stdout)["item"]["ca_file"]
    scripts = str(Path(sys.executable).parent)
    *commands, whoami = item["togetherctl"]
    for command in commands:
        words = command.replace("https://API_SERVER:6443", real.api_server.url).replace("API_SERVER_CA.pem", ca)
        # The person's own login goes to a port that is free.
        words = words.replace("http://localhost:8000", "http://localhost:0")
        ran = subprocess.run(
            ["/bin/sh", "-c", words],
            env={**fresh, "PATH": f"{scripts}:{fresh['PATH']}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, (words, ran.stderr)
    answer = subprocess.run(
        [need("kubectl"), *shlex.split(whoami)[1:], "-o", "json"],
        env=fresh,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for path in (home / "fresh" / "state" / "sessions").glob("*.json"):
        stored = json.loads(path.read_text())
        canary.watch("an ID token", stored["id_token"]["value"])
    assert answer.returncode == 0, answer.stderr
    user = json.loads(answer.stdout)["status"]["userInfo"]
    assert (user["username"], user["groups"][:1]) == (item["username"], item["groups"])
