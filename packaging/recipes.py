"""Fill the recipes of package managers from one table: `make packaging`, and `BASE=URL` for a release that has one.

Without BASE they hold placeholders, and that is how they are kept in this repository. With BASE, the address where the
files of a release can be had, and a release in dist/, they are written to dist/packaging/ with its checksums.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import changelog
import single_file

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "packaging/templates"
FILLED = ROOT / "packaging/recipes"
# Where each recipe stands in its package manager's own order of files.
_PLACES = {
    "togetherctl.rb": "homebrew/togetherctl.rb",
    "together.yaml": "krew/together.yaml",
    "package.nix": "nix/package.nix",
    "PKGBUILD": "aur/PKGBUILD",
    "Containerfile": "container/Containerfile",
}
_WORD = re.compile(r"@(?P<kind>[a-z_0-9]+)(?::(?P<what>[a-z0-9]+))?@")


def artefacts(version: str) -> dict[str, str]:
    """The files of a release that recipes name, by a short word."""
    return {
        "single": single_file.file_name(version),
        "share": f"togetherctl-{version}-completions-and-man-pages.tar.gz",
        "krew": krew_archive(version),
        "plugin": "kubectl-together_login",
        "singlearm": single_file.file_name(version, "aarch64"),
        "krewarm": krew_archive(version, "aarch64"),
    }


def krew_archive(version: str, machine: str = single_file.MACHINES[0]) -> str:
    """What the archive that krew unpacks is called."""
    return f"togetherctl-{version}-krew-linux_{machine}.tar.gz"


def read_table() -> dict[str, str]:
    """What all recipes say, with the version of pyproject.toml."""
    table = tomllib.loads((ROOT / "packaging/recipes.toml").read_text(encoding="utf-8"))
    version = changelog.read_version((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {**table, "version": version}


def fill(table: Mapping[str, str], base: str, checksum: Callable[[str], str]) -> dict[str, str]:
    """Each recipe's text by its place; `checksum` gives the SHA-256 of an artefact in hex. Raises KeyError."""
    files = artefacts(table["version"])
    values = {**table, "base": base}

    def word(found: re.Match[str]) -> str:
        kind, what = found["kind"], found["what"]
        if kind == "sha256":
            return checksum(files[what])
        if kind == "sri":
            return f"sha256-{base64.b64encode(bytes.fromhex(checksum(files[what]))).decode()}"
        text = str(values[kind]).strip()
        if what is None:
            return text
        import textwrap

        return textwrap.indent(textwrap.fill(text, 100), " " * int(what))

    return {place: _WORD.sub(word, (TEMPLATES / name).read_text(encoding="utf-8")) for name, place in _PLACES.items()}


def _write(recipes: Mapping[str, str], folder: Path) -> None:
    for place, text in recipes.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


def main() -> int:
    """Write the recipes, with placeholders or for a release."""
    parser = argparse.ArgumentParser(description="Fill the recipes of package managers.")
    parser.add_argument("--base", help="The address below which the files of the release can be had.")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="The folder that `make release` wrote.")
    given = parser.parse_args()
    table = read_table()
    if not given.base:
        _write(fill(table, "https://releases.invalid", lambda _name: "0" * 64), FILLED)
        return 0
    sums = given.dist / "SHA256SUMS"
    try:
        lines = [line.split("  ") for line in sums.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        print(f"no recipes: {sums}: {error.strerror}; make release VERSION=… comes first", file=sys.stderr)
        return 1
    known = {name: digest for digest, name in lines}
    # A release has the version of its branch, which need not be the one that is checked out.
    released = [found[1] for name in known if (found := re.fullmatch(r"togetherctl-([0-9.]+)-py3-none-any\.whl", name))]
    table["version"] = released[0]
    _write(fill(table, given.base.rstrip("/"), known.__getitem__), given.dist / "packaging")
    return 0


if __name__ == "__main__":
    sys.exit(main())
