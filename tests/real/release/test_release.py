"""What `make release` builds: the same bytes each time, complete, and only where it may."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.real.release.conftest import BASE, VERSION, Built, run

NAMES = {
    "SHA256SUMS",
    "kubectl-together_login",
    "latest.json",
    "togetherctl-aarch64.pyz",
    "togetherctl.pyz",
    f"togetherctl-{VERSION}-completions-and-man-pages.tar.gz",
    f"togetherctl-{VERSION}-py3-none-any.whl",
    f"togetherctl-{VERSION}-py311-py314-linux_aarch64.pyz",
    f"togetherctl-{VERSION}-py311-py314-linux_x86_64.pyz",
    f"togetherctl-{VERSION}.cdx.json",
    f"togetherctl-{VERSION}-krew-linux_aarch64.tar.gz",
    f"togetherctl-{VERSION}-krew-linux_x86_64.tar.gz",
    f"togetherctl-{VERSION}.tar.gz",
    f"togetherctl_{VERSION}_amd64.deb",
    f"togetherctl_{VERSION}_arm64.deb",
}


def test_two_builds_are_the_same_bytes(built: Built) -> None:
    assert {path.name for path in built.first.iterdir()} == NAMES
    assert {path.name: path.read_bytes() for path in built.first.iterdir()} == {
        path.name: path.read_bytes() for path in built.second.iterdir()
    }
    assert "FAILED" not in run("sha256sum", "--check", "SHA256SUMS", cwd=built.first)
    assert len((built.first / "SHA256SUMS").read_text().splitlines()) == len(NAMES) - 1


def test_the_workflow_gives_the_index_the_wheel_and_the_sdist_alone() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text().replace("${GITHUB_REF_NAME#v}", VERSION)
    (published,) = re.findall(r"uv==\S+ publish (?:[^\n]|\n {10})+", text)
    named = set(re.findall(r"dist/([^\"\s]+)", published))
    assert named == {f"togetherctl-{VERSION}-py3-none-any.whl", f"togetherctl-{VERSION}.tar.gz"}
    assert named < NAMES


def test_the_version_stands_in_the_wheel_and_on_a_branch_alone(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        metadata = wheel.read(f"togetherctl-{VERSION}.dist-info/METADATA").decode()
        dates = {member.date_time for member in wheel.infolist()}
    assert f"\nVersion: {VERSION}\n" in metadata
    assert f"\nProject-URL: Releases, {BASE}\n" in metadata
    assert len(dates) == 1
    git = ("git", "-C", built.clone)
    assert run(*git, "status", "--porcelain") == ""
    assert run(*git, "diff", "--name-only", "HEAD", f"release/{VERSION}").split() == [
        "docs/changelog.md",
        "pyproject.toml",
    ]
    when = run(*git, "show", "--no-patch", "--format=%cs", "HEAD").strip()
    assert f"## {VERSION} ({when})\n" in run(*git, "show", f"release/{VERSION}:docs/changelog.md")


def test_the_sbom_names_each_package_that_runs(built: Built) -> None:
    bom = json.loads((built.first / f"togetherctl-{VERSION}.cdx.json").read_text())
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", "togetherctl")
    with zipfile.ZipFile(built.single) as single:
        found = {
            re.sub(r"[-_.]+", "-", part.split("-")[0]).lower()
            for name in single.namelist()
            for part in re.findall(r"^\.deps/([^/]+)/", name)
        }
    named = {re.sub(r"[-_.]+", "-", one["name"]).lower() for one in bom["components"]}
    assert found - {"togetherctl"} == named
    assert all(one["purl"].startswith("pkg:pypi/") for one in bom["components"])


# What an ELF header says of the machine, at byte 18 (ELF-64 Object File Format, e_machine).
@pytest.mark.parametrize(("name", "machine"), [("togetherctl.pyz", 62), ("togetherctl-aarch64.pyz", 183)])
def test_the_native_code_in_a_single_file_is_of_its_machine(name: str, machine: int, built: Built) -> None:
    with zipfile.ZipFile(built.first / name) as single:
        libraries = [member for member in single.namelist() if member.endswith(".so")]
        found = {int.from_bytes(single.read(library)[18:20], "little") for library in libraries}
    assert found == {machine}
    for library in ("pydantic_core/_pydantic_core", "_cffi_backend"):
        for minor in (11, 12, 13, 14):
            assert any(f"{library}.cpython-3{minor}-" in one for one in libraries), (library, minor)


def test_man_pages_and_completions_are_there_for_every_command(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.first / f"togetherctl-{VERSION}-completions-and-man-pages.tar.gz") as tar:
        tar.extractall(tmp_path / "share", filter="data")
    (share,) = (tmp_path / "share").iterdir()
    assert "togetherctl login acme" in (share / "man/man1/togetherctl-login.1").read_text()
    pages = {path.stem for path in (share / "man/man1").iterdir()}
    assert {"togetherctl", "togetherctl-init", "togetherctl-profile-add", "kubectl-together_login"} <= pages
    assert [page for page in pages if " " in page] == []
    for name in ("bash-completion/completions/togetherctl", "fish/vendor_completions.d/togetherctl.fish"):
        assert "togetherctl" in (share / name).read_text()


@pytest.mark.parametrize(
    ("version", "what", "reason"),
    [
        ("0.0.1", "", "does not come after"),
        ("next", "", "is no version"),
        ("99.08.7", "", "is no version"),
        ("\u0669\u0669.1.1", "", "is no version"),
        (f"{VERSION} --base=http://releases.acme.com", "", "is no address of releases"),
        (VERSION, "touch new", "the working tree has changes"),
        (VERSION, f"git tag v{VERSION}", "there is a tag"),
        (VERSION, "rm .git/togetherctl-green", "no green run"),
    ],
)
def test_there_is_no_release_where_something_is_missing(
    version: str, what: str, reason: str, built: Built, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", built.clone, clone)
    (clone / ".git/togetherctl-green").write_text(run("git", "-C", clone, "rev-parse", "HEAD"))
    if what:
        run("sh", "-c", what, cwd=clone)
    done = subprocess.run(
        [sys.executable, clone / "packaging/release.py", *version.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no release: ")
    assert reason in done.stderr
    assert not (clone / "dist").exists()


def test_another_python_than_the_one_that_builds_is_one_sentence(built: Built) -> None:
    """Before anything is built."""
    script = "import sys, release; sys.version_info = (3, 12, 1, 'final', 0); sys.argv[1:] = ['9.8.7']; release.main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=built.clone / "packaging"
    )
    assert done.stderr == (
        "no release: Python 3.11 builds releases, so that each has the same bytes, and this is Python 3.12: "
        f"run make clean, then make PYTHON=python3.11 release VERSION={VERSION}\n"
    )
    assert not (built.clone / "dist").exists()


def test_a_green_run_is_noted_for_a_commit_and_not_for_changes(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", ROOT, clone)
    note, noted = ROOT / "packaging/note-green.sh", clone / ".git/togetherctl-green"
    plain = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    (clone / "README.md").write_text("changed\n")
    assert run(note, "start", cwd=clone, environ=plain) == ""
    run(note, "", cwd=clone, environ=plain)
    assert not noted.exists()
    run("git", "checkout", "--quiet", "README.md", cwd=clone)
    head = run("git", "rev-parse", "HEAD", cwd=clone)
    assert run(note, "start", cwd=clone, environ={**plain, "PYTEST_ADDOPTS": "-k one"}) == ""
    assert run(note, "start", cwd=clone, environ=plain) == head
    # Another commit is checked out when the tests end.
    run("git", "checkout", "--quiet", "HEAD~1", cwd=clone)
    run(note, head.strip(), cwd=clone, environ=plain)
    assert not noted.exists()
    run("git", "checkout", "--quiet", head.strip(), cwd=clone)
    run(note, head.strip(), cwd=clone, environ=plain)
    assert noted.read_text() == head


def test_a_release_takes_the_place_of_the_one_before_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    built, target = place / "built", place / "dist"
    # What a release that was killed has left.
    for folder, name in (
        (built, "new"),
        (target, "old"),
        (place / "dist.new", "half"),
        (place / "dist.old", "x"),
    ):
        folder.mkdir()
        (folder / name).write_text(name)
    script = "import pathlib, release, sys; release._put(*map(pathlib.Path, sys.argv[1:]))"
    run(sys.executable, "-c", script, built, target, cwd=ROOT / "packaging")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert {path.name for path in place.iterdir()} == {"built", "dist"}


def test_a_link_in_the_place_of_the_release_is_one_sentence(tmp_path: Path) -> None:
    link, elsewhere = tmp_path / "dist", tmp_path / "elsewhere"
    elsewhere.mkdir()
    link.symlink_to(elsewhere)
    said = run(sys.executable, ROOT / "packaging/release.py", VERSION, "--output", link, code=1)
    assert said == (f"no release: {link} is a link or a file, and the release goes into a folder: move it away first\n")
    assert list(elsewhere.iterdir()) == []


def test_the_address_of_releases_stands_once_in_pyproject(built: Built) -> None:
    """A release writes it there; the next one replaces it."""
    script = "import sys, changelog; sys.stdout.write(changelog.set_address(sys.stdin.read(), sys.argv[1]))"
    text = run("git", "-C", built.clone, "show", f"release/{VERSION}:pyproject.toml")
    assert tomllib.loads(text)["project"]["urls"] == {"Releases": BASE}
    for before in (text, text.replace(f'Releases = "{BASE}"', 'Source = "https://acme.com"')):
        done = subprocess.run(
            [sys.executable, "-c", script, "https://releases.acme.com"],
            input=before,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT / "packaging",
        )
        assert tomllib.loads(done.stdout)["project"]["urls"]["Releases"] == "https://releases.acme.com"
        assert len(done.stdout.splitlines()) - len(before.splitlines()) == int(before != text)
