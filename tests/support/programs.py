"""Programs some tests need: they are skipped, with the reason, where one is missing, unless the run must have it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Read before the environment is made bare. `all` in CI, where nothing may be skipped; `cluster` in `make real-cluster`.
_MUST_HAVE = os.environ.get("TOGETHERCTL_TESTS_NEED", "").split()
# The identity providers that `make real-providers` has installed.
_PROVIDERS = os.environ.get("TOGETHERCTL_TESTS_PROVIDERS", "").split()
# What is built or downloaded for tests is kept here, outside the tree.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "togetherctl-tests"
KUBERNETES_FOLDER = Path(__file__).parents[1] / "real" / "cluster"
NODE_FOLDER = Path(__file__).parents[1] / "real" / "node"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def need(*names: str) -> str:
    """The path of the first of `names` that is installed. Skips the test, or fails it in a run that must have it."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    return missing(f"{names[0]} is not installed")


def need_browser() -> str:
    """A Chromium that runs headless."""
    return need(*_BROWSERS)


def need_go() -> str:
    """Go, which builds the judge of tokens."""
    return need("go")


def need_node() -> str:
    """Node.js, with the packages of `tests/real/node`."""
    node = need("node")
    if not (NODE_FOLDER / "node_modules").is_dir():
        return missing("the packages of tests/real/node are not installed; `make test` installs them where npm is")
    return node


def need_kubernetes() -> Path:
    """The folder of the kube-apiserver and the kubectl that `make real-cluster` builds; etcd is there too."""
    words = (KUBERNETES_FOLDER / "go.mod").read_text(encoding="utf-8").split()
    version = words[words.index("k8s.io/kubernetes") + 1]
    folder = CACHE / f"kubernetes-{version}"
    if not (folder / "kube-apiserver").exists():
        missing(f"kube-apiserver {version} is not built; `make real-cluster` builds it and runs this", "cluster")
    if not shutil.which("etcd"):
        missing("etcd is not installed", "cluster")
    return folder


def need_provider(kind: str) -> Path:
    """The folder where `tests/real/providers/install.sh` put a provider: `django`, `keycloak` or `spring`."""
    if kind not in _PROVIDERS:
        pytest.skip(f"`make real-providers PROVIDERS={kind}` installs {kind} and runs this")
    [folder] = CACHE.glob(f"{kind}-*")
    return folder


def missing(reason: str, group: str = "all") -> str:
    """Skip the test for this reason, or fail it in a run that must have everything of this group."""
    if group in _MUST_HAVE:
        pytest.fail(f"{reason}, and this run must have it")
    pytest.skip(reason)
