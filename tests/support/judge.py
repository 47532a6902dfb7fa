"""kube-apiserver's own OIDC authenticator as a process (`tests/real/judge`): who an API server takes a token for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.request import ProxyHandler, Request, build_opener

from tests.support.programs import missing, need, need_go

SOURCES = Path(__file__).parents[1] / "real" / "judge"
# Go's caches are where the developer has them, not in the empty home of a test.
_ENVIRON = dict(os.environ)
_BUILD_SECONDS = 1200


@dataclass(frozen=True)
class Verdict:
    """Who the API server takes the bearer for; `error` is why it answers 401."""

    username: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)
    error: str = ""

    @property
    def taken(self) -> bool:
        return not self.error


class Judge:
    """Runs while the block does.

    A trust is `flags` of kube-apiserver, with the `files` they name, or the `configuration` that a file would hold.
    """

    def __init__(self) -> None:
        self._open = build_opener(ProxyHandler({}))
        self._process: subprocess.Popen[str] | None = None
        self._url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [built()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self._url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def verdicts(self, tokens: Sequence[str], **trust: Any) -> list[Verdict]:
        """What the API server that trusts so says to each token. Raises ValueError where it would not start."""
        found = self._post("/judge", {**trust, "tokens": list(tokens)})["verdicts"]
        return [
            Verdict(
                one.get("username", ""),
                tuple(one.get("groups") or ()),
                one.get("extra") or {},
                one.get("error", ""),
            )
            for one in found
        ]

    def api_server(self, certificate: str, key: str, **trust: Any) -> str:
        """The URL of an API server that trusts so: SelfSubjectReview, and a namespace without pods."""
        url: str = self._post("/servers", {**trust, "certificate": certificate, "key": key})["url"]
        return url

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        request = Request(f"{self._url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 # our own, on loopback
        with self._open.open(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        if "error" in found:
            raise ValueError(found["error"])
        return found


def built() -> Path:
    """The judge's program, built once for these sources and kept in the person's cache."""
    go = need_go()
    digest = hashlib.sha256()
    digest.update(subprocess.run([go, "version"], env=_ENVIRON, capture_output=True, check=True).stdout)
    for source in sorted(SOURCES.iterdir()):
        digest.update(f"{source.name}\0".encode() + source.read_bytes() + b"\0")
    cache = Path(_ENVIRON.get("XDG_CACHE_HOME") or Path(_ENVIRON.get("HOME", tempfile.gettempdir())) / ".cache")
    program = cache / "togetherctl-tests" / f"judge-{digest.hexdigest()[:16]}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        made = program.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            [need("nice"), go, "build", "-trimpath", "-mod=readonly", "-buildvcs=false", "-o", str(made), "."],
            cwd=SOURCES,
            env=_ENVIRON,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            # An older Go, or no way to its modules.
            missing(f"the judge of tokens cannot be built: {done.stderr.strip()[-300:]}")
        made.replace(program)
    return program
