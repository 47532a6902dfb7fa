"""Kubeconfigs as people have them: what is not an old stanza stays byte for byte, the rest is as it is written down."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kubelogin.conftest import CORPUS
from tests.support.keyrings import InMemory
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import Run, UseKeyring
    from tests.support.canary import Canary

NAMES = sorted(path.stem for path in CORPUS.glob("*.yaml"))
SECRETS = ("made-up-google-secret", "made-up-entra-secret")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_converted_as_written_down(
    name: str, folder: Path, kubeconfig: Path, home: Path, cli: Run, canary: Canary, use_keyring: UseKeyring
) -> None:
    use_keyring(InMemory())
    for secret in SECRETS:
        canary.watch("a client secret", secret)
    original = (CORPUS / f"{name}.yaml").read_bytes()
    kubeconfig.write_bytes(original)
    shown = cli("kubeconfig", "convert", "--all", "--portable", "--dry-run")
    assert (shown.code, kubeconfig.read_bytes()) == (0, original)
    assert not (home / "tctl" / "config.toml").exists()
    done = cli("kubeconfig", "convert", "--all", "--portable", "--secret", "keyring")
    assert done.code == 0, done.stderr
    converted = kubeconfig.read_bytes()
    canary.saw("the converted kubeconfig", converted.decode())
    config = (home / "tctl" / "config.toml").read_text().replace(str(folder), "FOLDER")
    said = done.stderr.replace(str(folder), "FOLDER").replace("~/secrets", "FOLDER")
    assert (converted, config, said) == (
        (CORPUS / "expected" / f"{name}.yaml").read_bytes(),
        (CORPUS / "expected" / f"{name}.toml").read_text(encoding="utf-8"),
        (CORPUS / "expected" / f"{name}.txt").read_text(encoding="utf-8"),
    )
    again = cli("kubeconfig", "convert", "--all", "--portable")
    assert (again.code, kubeconfig.read_bytes()) == (0, converted)
    assert again.stderr.endswith("Nothing to convert in ~/secrets/config.\n")


@pytest.mark.parametrize("name", NAMES)
def test_only_entries_that_are_ours_from_now_on_differ(name: str) -> None:
    before = (CORPUS / f"{name}.yaml").read_text(encoding="utf-8")
    after = (CORPUS / "expected" / f"{name}.yaml").read_text(encoding="utf-8")
    old, new = load(before), load(after)
    for section in ("clusters", "contexts", "users"):
        for was, now in zip(old.pop(section), new.pop(section), strict=True):
            if was != now:
                assert was["name"] == now["name"]
                [body] = [value for key, value in now.items() if key != "name"]
                assert body["extensions"][-1]["name"] == "togetherctl"
    assert old == new
    # Comments are no data, and none is lost with an entry that stays.
    lines = SequenceMatcher(a=before.splitlines(), b=after.splitlines(), autojunk=False)
    gone = [line for tag, *at in lines.get_opcodes() if tag != "equal" for line in before.splitlines()[at[0] : at[1]]]
    kept = [line for line in before.splitlines() if line.lstrip().startswith("#") and line not in gone]
    assert all(line in after.splitlines() for line in kept)
