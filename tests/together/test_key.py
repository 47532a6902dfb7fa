"""The API key as a face gets it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.keyrings import InMemory, locked
from tests.support.terminal import terminal
from togetherctl.cli.app import App
from togetherctl.errors import StorageError, UsageError
from togetherctl.usecases.together_api_key import api_key, keep_key

if TYPE_CHECKING:
    from tests.conftest import UseKeyring
    from tests.support.canary import Canary

ASKING = """
import hashlib, os
from togetherctl.usecases.together_api_key import api_key
from togetherctl.cli.app import App
print("digest", hashlib.sha256(api_key(App(os.environ).world).encode()).hexdigest()[:12])
"""


def test_a_key_is_stored_only_if_asked_for(environ: dict[str, str], use_keyring: UseKeyring, canary: Canary) -> None:
    keyring = InMemory()
    use_keyring(keyring)
    key = canary.watch("an API key", "tgp_v1_from-the-environment")
    app = App({**environ, "TOGETHER_API_KEY": key})
    assert api_key(app.world) == key
    assert not keyring.kept
    keep_key(key, base_url="https://api.together.ai")
    assert list(keyring.kept) == [("togetherctl", "api-key at https://api.together.ai")]
    assert api_key(App(environ).world) == key
    with pytest.raises(UsageError, match="togetherctl needs an API key of Together AI"):
        api_key(App({**environ, "TOGETHER_BASE_URL": "https://elsewhere.example"}).world)


def test_a_keyring_that_does_not_take_it_says_so(environ: dict[str, str], use_keyring: UseKeyring) -> None:
    use_keyring(locked())
    app = App({**environ, "TOGETHER_API_KEY": "tgp_v1_x"})
    assert api_key(app.world) == "tgp_v1_x"
    with pytest.raises(StorageError, match="it is locked"):
        keep_key("tgp_v1_x", base_url="https://api.together.ai")
    with pytest.raises(UsageError, match="cannot ask for it here"):
        api_key(App(environ).world)


def test_it_is_asked_for_without_being_shown(environ: dict[str, str], tmp_path: Path, canary: Canary) -> None:
    key = canary.watch("a typed API key", "tgp_v1_typed-at-a-terminal")
    bare = {name: value for name, value in environ.items() if name != "COLUMNS"}
    bare |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    with terminal([sys.executable, "-c", ASKING], bare, tmp_path, columns=120) as screen:
        screen.until("API key for https://api.together.ai: ")
        screen.paste(f" {key} ")
        screen.until(f"digest {hashlib.sha256(key.encode()).hexdigest()[:12]}")
        canary.saw("the terminal", screen.everything())
