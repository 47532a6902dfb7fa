"""Record `togetherctl init` at the demo's issuer, and draw it as an animated SVG: `make cast`.

A real shell in tmux is typed into and looked at; what it showed, when, is drawn. Nothing is added or left out, but no
pause lasts longer than a person wants to wait.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from terminal_svg import Picture, draw

from togetherctl.demo.playground import Playground, playground

ROOT = Path(__file__).resolve().parent.parent
MOVING = ROOT / "docs" / "pictures" / "init.svg"
# Shown where people want no motion: a page knows that, and the image in it does not.
STILL = ROOT / "docs" / "pictures" / "init-still.svg"
TITLE = "togetherctl init takes a kubeconfig, asks, writes, logs in; then kubectl works"
COLUMNS, ROWS = 92, 32
_LOOK_SECONDS = 0.12
_LONGEST_WAIT = 60.0
# Of the world around, only what a terminal and its programs need.
_KEPT = ("TOGETHERCTL_BROWSER", "PATH")


@dataclass
class Screen:
    """A window of tmux, and every picture that it showed, with the seconds since the first."""

    words: list[str]
    key_seconds: float
    read_seconds: float
    pictures: list[tuple[float, Picture]] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def call(self, *words: str) -> str:
        return subprocess.run([*self.words, *words], capture_output=True, text=True, check=True, timeout=20).stdout

    def look(self) -> str:
        """Keep what the window shows now, if it is new; its text."""
        cursor = self.call("display-message", "-p", "#{cursor_x} #{cursor_y} #{cursor_flag}").split()
        rows = tuple(self.call("capture-pane", "-p", "-e").rstrip("\n").split("\n"))
        at = (int(cursor[0]), int(cursor[1])) if cursor[2] == "1" else None
        picture = Picture(rows, at)
        if not self.pictures or self.pictures[-1][1] != picture:
            self.pictures.append((time.monotonic() - self._started, picture))
        return self.call("capture-pane", "-p", "-J")

    def watch(self, seconds: float) -> None:
        """Look again and again for so long."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.look()
            time.sleep(_LOOK_SECONDS)

    def until(self, text: str, *, last: bool = False) -> None:
        """Look until the window shows `text`, or ends with it; then as long as a person reads."""
        ends = time.monotonic() + _LONGEST_WAIT
        while True:
            seen = self.look().rstrip()
            if seen.endswith(text) if last else text in seen:
                break
            if time.monotonic() > ends:
                raise TimeoutError(f"the terminal never showed {text!r}:\n{seen}")
            time.sleep(_LOOK_SECONDS)
        self.watch(self.read_seconds)

    def type(self, text: str) -> None:
        """Type as a person does, and press Enter."""
        for letter in text:
            self.call("send-keys", "-l", letter)
            self.watch(self.key_seconds)
        self.press("Enter")

    def press(self, key: str) -> None:
        self.call("send-keys", key)
        self.look()


@contextmanager
def _shell(folder: Path, environ: Mapping[str, str], key_seconds: float, read_seconds: float) -> Iterator[Screen]:
    screen = Screen(["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"], key_seconds, read_seconds)
    given = ["env", "-i", *(f"{name}={value}" for name, value in environ.items()), "sh"]
    size = ["-x", str(COLUMNS), "-y", str(ROWS)]
    screen.call("new-session", "-d", *size, "-c", str(folder / "person"), *given)
    try:
        yield screen
    finally:
        with suppress(subprocess.CalledProcessError):
            screen.call("kill-server")


def _furnish(place: Playground) -> dict[str, str]:
    """A person's home with the kubeconfig that an admin handed out; the environment of their shell."""
    home = place.folder / "person"
    (home / "Downloads").mkdir(parents=True)
    (home / ".kube").mkdir()
    authority = base64.b64encode(place.ca_file.read_bytes()).decode()
    flags = [f"--oidc-issuer-url={place.issuer}", f"--oidc-client-id={place.client_id}", "--oidc-extra-scope=email"]
    call = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "IfAvailable",
        "command": "kubectl",
        "args": ["oidc-login", "get-token", *flags],
    }
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "gpu",
        "clusters": [{"name": "gpu", "cluster": {"server": place.server, "certificate-authority-data": authority}}],
        "users": [{"name": "me", "user": {"exec": call}}],
        "contexts": [{"name": "gpu", "context": {"cluster": "gpu", "user": "me"}}],
    }
    (home / "Downloads" / "oidc.yaml").write_text(json.dumps(kubeconfig), encoding="utf-8")
    own = {"HOME": str(home), "PS1": "$ ", "TERM": "screen-256color", "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"}
    return {**{name: place.environ[name] for name in _KEPT}, **own}


def record(*, key_seconds: float = 0.05, read_seconds: float = 1.6) -> list[tuple[float, Picture]]:
    """Every picture of the recording, and when it came, in seconds. Raises TimeoutError where one never came.

    `key_seconds` pass between two keys, `read_seconds` before what is new is answered.
    """
    with (
        playground(os.environ, by_hand=False) as place,
        _shell(place.folder, _furnish(place), key_seconds, read_seconds) as screen,
    ):
        screen.until("$", last=True)
        screen.type("togetherctl init ~/Downloads/oidc.yaml")
        screen.until("What should this login be called?")
        screen.press("C-u")
        screen.type("acme")
        screen.until("Make gpu the current one?")
        screen.press("Enter")
        screen.until("Write this?")
        screen.press("Enter")
        screen.until("$", last=True)
        screen.type("kubectl get pods")
        screen.until("$", last=True)
        return screen.pictures


def main() -> int:
    """Record and draw; say what is missing in one sentence."""
    missing = [name for name in ("tmux", "kubectl") if shutil.which(name) is None]
    if missing:
        print(f"a recording needs {' and '.join(missing)}", file=sys.stderr)
        return 1
    pictures = record()
    for target, shown in ((MOVING, pictures), (STILL, pictures[-1:])):
        svg = draw(shown, columns=COLUMNS, rows=ROWS, title=TITLE)
        target.write_text(svg, encoding="utf-8")
        print(f"{target.relative_to(ROOT)}: {len(svg.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
