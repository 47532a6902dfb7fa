"""The recipes of package managers: filled from one table, and the Debian package built, checked and installed."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.real.release.conftest import VERSION, Built, run


@pytest.fixture
def filled(built: Built, tmp_path: Path) -> Path:
    """The recipes of the release, for an address of it."""
    (tmp_path / "dist").mkdir()
    shutil.copy(built.first / "SHA256SUMS", tmp_path / "dist")
    script = built.clone / "packaging/recipes.py"
    run(sys.executable, script, "--base", "https://releases.acme.com/", "--dist", tmp_path / "dist")
    return tmp_path / "dist/packaging"


def test_the_recipes_in_the_repository_are_those_of_the_table(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "packaging", tmp_path / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    run(sys.executable, tmp_path / "packaging/recipes.py")
    for path in (tmp_path / "packaging/recipes").rglob("*"):
        if path.is_file():
            kept = ROOT / "packaging/recipes" / path.relative_to(tmp_path / "packaging/recipes")
            assert path.read_text() == kept.read_text(), "run make packaging"


def test_a_recipe_names_files_of_the_release_with_their_checksums(built: Built, filled: Path) -> None:
    known = {
        name: digest
        for digest, name in (line.split("  ") for line in (built.first / "SHA256SUMS").read_text().splitlines())
    }
    for path in filled.rglob("*"):
        if path.is_file() and path.name not in ("Containerfile", "package.nix"):
            text = path.read_text()
            found = set(re.findall(r"\b[0-9a-f]{64}\b", text))
            assert found
            assert found <= set(known.values())
            assert not re.search(r"@[a-z0-9_:]+@", text)


def test_the_archive_of_krew_holds_what_its_manifest_names(built: Built, filled: Path) -> None:
    from ruamel.yaml import YAML

    platforms = YAML(typ="safe").load(filled / "krew/together.yaml")["spec"]["platforms"]
    assert [one["selector"]["matchLabels"]["arch"] for one in platforms] == ["amd64", "arm64"]
    for platform in platforms:
        with tarfile.open(built.first / Path(platform["uri"]).name) as tar:
            members = {member.name: member.mode for member in tar.getmembers()}
        assert {one["from"] for one in platform["files"]} == set(members)
        assert members[platform["bin"]] & 0o100


def test_the_pkgbuild_packs_what_it_downloads(built: Built, filled: Path, tmp_path: Path) -> None:
    """As makepkg would: what is downloaded lies in the folder, archives are unpacked, then `package` runs."""
    for name in (
        f"togetherctl-{VERSION}-py311-py314-linux_x86_64.pyz",
        f"togetherctl-{VERSION}-completions-and-man-pages.tar.gz",
        "kubectl-together_login",
    ):
        shutil.copy(built.first / name, tmp_path)
    with tarfile.open(tmp_path / f"togetherctl-{VERSION}-completions-and-man-pages.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    run("bash", "-euc", f"CARCH=x86_64; source '{filled}/aur/PKGBUILD'; pkgdir='{tmp_path}/pkg'; package", cwd=tmp_path)
    assert (tmp_path / "pkg/usr/bin/togetherctl").resolve() == tmp_path / "pkg/usr/lib/togetherctl/togetherctl.pyz"
    assert (tmp_path / "pkg/usr/bin/kubectl-together_login").stat().st_mode & 0o100
    assert (tmp_path / "pkg/usr/share/man/man1/togetherctl-login.1").is_file()


def test_the_debian_package_is_clean_installs_runs_and_goes(built: Built, bare: dict[str, str], tmp_path: Path) -> None:
    package = built.first / f"togetherctl_{VERSION}_amd64.deb"
    if shutil.which("lintian"):
        run("lintian", "--allow-root", "--fail-on", "error,warning", package, seconds=1800)
    root = tmp_path / "root"
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/updates").mkdir()
    (root / "var/lib/dpkg/status").touch()
    dpkg = ("dpkg", f"--root={root}", "--force-not-root", "--force-depends", f"--log={tmp_path}/log")
    run(*dpkg, "--install", package)
    assert VERSION in run(root / "usr/bin/togetherctl", "version", environ=bare)
    assert VERSION in run(root / "usr/bin/kubectl-together_login", "--version", environ=bare)
    page = root / "usr/share/man/man1/togetherctl-login.1.gz"
    assert b"togetherctl login acme" in gzip.decompress(page.read_bytes())
    run(*dpkg, "--purge", "togetherctl")
    left = [path for path in root.rglob("*togetherctl*") if not path.is_relative_to(root / "var")]
    assert left == []


def test_the_containerfile_is_as_hadolint_wants_it(filled: Path) -> None:
    # `make real-release` installs it where it has a wheel for the machine.
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if hadolint is None:
        pytest.skip("hadolint is not installed, and has no wheel for this machine")
    run(hadolint, filled / "container/Containerfile")
