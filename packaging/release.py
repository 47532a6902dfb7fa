"""Build a release into dist/, the same bytes each time: `make release VERSION=X.Y.Z`. Nothing is published.

All is built from an export of the commit that is checked out, so that no file beside it gets in, and every date is that
commit's. The working tree stays as it is: the changed version and changelog become a commit on the branch
`release/X.Y.Z`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import changelog
import debian
import man_pages
import recipes
import single_file

ROOT = Path(__file__).resolve().parent.parent
# Without zeros before a number, which the wheel's name would lose; and no digits of other scripts.
_FORM = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}")
# No quote, which would end it in pyproject.toml; http: is for a server on this machine alone.
_ADDRESS = re.compile(r"(https://|http://(localhost|127\.0\.0\.1)[:/])[^\s\"'\\]+")
# Written by `make test` where all of it passed; in the folder of git, since it is about one machine.
_GREEN = "togetherctl-green"


# The Python that builds: another one gives other bytes, and pip resolves for the one that runs it; of those that the
# single file is for, the oldest needs the most libraries.
_BUILDER = (3, single_file.PYTHONS[0])


class NotReady(Exception):
    """Why no release can be cut, in one sentence that says what helps."""


def git(*words: str, **environ: str) -> str:
    """What git says, without the line's end."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True, env={**os.environ, **environ}
    )
    return done.stdout.strip()


def check(version: str, *, tagged: bool, base: str | None) -> str:
    """The commit to release; `tagged`: its tag may be there; `base`: the address of releases. Raises NotReady."""
    if not _FORM.fullmatch(version):
        raise NotReady(f"{version!r} is no version: write make release VERSION=1.2.3")
    if sys.version_info[:2] != _BUILDER:
        needed, found = (".".join(map(str, version[:2])) for version in (_BUILDER, sys.version_info))
        raise NotReady(
            f"Python {needed} builds releases, so that each has the same bytes, and this is Python {found}: "
            f"run make clean, then make PYTHON=python{needed} release VERSION={version}"
        )
    if shutil.which("dpkg-deb") is None:
        raise NotReady("dpkg-deb is not installed, and the Debian packages need it")
    if base and not _ADDRESS.fullmatch(base):
        raise NotReady(f"{base!r} is no address of releases: write make release BASE=https://…")
    present = changelog.read_version((ROOT / "pyproject.toml").read_text())
    if tuple(map(int, version.split("."))) <= tuple(map(int, present.split("."))):
        raise NotReady(f"{version} does not come after {present}, which pyproject.toml has")
    changed = git("status", "--porcelain")
    if changed:
        raise NotReady(f"the working tree has changes; commit or stash them:\n{changed}")
    if not tagged and git("tag", "--list", f"v{version}"):
        raise NotReady(f"there is a tag v{version} already")
    commit = git("rev-parse", "HEAD")
    branch = f"release/{version}"
    if git("branch", "--list", branch) and int(git("rev-list", "--count", f"{commit}..{branch}")) > 1:
        raise NotReady(f"the branch {branch} has commits of yours, which a new release would drop: delete it first")
    green = Path(git("rev-parse", "--git-path", _GREEN))
    recorded = (ROOT / green).read_text().split() if (ROOT / green).is_file() else []
    if commit not in recorded:
        raise NotReady(f"no green run of {commit[:12]} is recorded here: run make test, then make release again")
    return commit


def _export(commit: str, folder: Path) -> None:
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True).stdout
    with tempfile.TemporaryFile() as file:
        file.write(archive)
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            tar.extractall(folder, filter="data")


def _build_packages(source: Path, target: Path, environ: dict[str, str]) -> Path:
    """The sdist, and the wheel made of it; the wheel's path."""
    words = ["-m", "build", "--no-isolation", "--outdir", str(target), str(source)]
    subprocess.run([sys.executable, *words], check=True, env=environ, stdout=subprocess.DEVNULL)
    (wheel,) = target.glob("*.whl")
    return wheel


def _requirements(wheel: Path, source: Path, work: Path) -> Path:
    """What the wheel needs, pinned, as pip resolves it under constraints.txt."""
    report = work / "report.json"
    words = ["install", "--quiet", "--disable-pip-version-check", "--dry-run", "--ignore-installed"]
    words += ["--constraint", str(source / "constraints.txt"), "--report", str(report), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    found = [one["metadata"] for one in json.loads(report.read_text())["install"]]
    pinned = sorted(f"{one['name']}=={one['version']}" for one in found if one["name"] != "togetherctl")
    path = work / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in pinned))
    return path


def _sbom(requirements: Path, source: Path, target: Path) -> None:
    words = ["-m", "cyclonedx_py", "requirements", str(requirements), "--pyproject", str(source / "pyproject.toml")]
    words += ["--output-reproducible", "--mc-type", "application", "--of", "JSON", "-o", str(target)]
    subprocess.run([sys.executable, *words], check=True, stderr=subprocess.DEVNULL)
    bom = json.loads(target.read_text())
    for component in bom["components"]:
        # An index where it could be had; its purl says what it is, wherever it comes from.
        component.pop("externalReferences", None)
    target.write_text(json.dumps(bom, indent=2, sort_keys=True) + "\n")


def _pack(folder: Path, target: Path, when: int, *, within: Path) -> None:
    """A tar.gz of the folder, its names as they are `within`; nothing in it is of this machine or of now."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        executable = member.isdir() or member.name.endswith(".pyz")
        member.mtime, member.mode = when, 0o755 if executable else 0o644
        return member

    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=when) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(within), recursive=False, filter=plain)


def _build_for_a_machine(
    machine: str, requirements: Path, extras: Path, built: Path, work: Path, version: str, when: int
) -> None:
    """The single file, and what holds it: the archive that krew unpacks, and the Debian package."""
    wheels, krew, root = (work / f"{name}-{machine}" for name in ("wheels", "krew", "debian"))
    for folder in (wheels, krew, root):
        folder.mkdir()
    single_file.download(requirements, wheels, machine=machine)
    (wheel,) = built.glob("*.whl")
    shutil.copy(wheel, wheels)
    single = built / single_file.file_name(version, machine)
    single_file.build(wheels, single, work, machine=machine, environ=_environ(when))
    shutil.copy(single, built / single_file.short_name(machine))
    shutil.copy(single, krew / "togetherctl.pyz")
    shutil.copy(ROOT / "LICENSE", krew)
    _pack(krew, built / recipes.krew_archive(version, machine), when, within=krew)
    table = {**recipes.read_table(), "version": version, "architecture": debian.ARCHITECTURES[machine]}
    package = built / f"togetherctl_{version}_{table['architecture']}.deb"
    debian.build(single, built / debian.PLUGIN, extras, package, root, table, when)


def _environ(when: int) -> dict[str, str]:
    """The variables that builds are given; `when` in seconds since 1970."""
    return {**os.environ, "SOURCE_DATE_EPOCH": str(when), "TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"}


def _checksums(folder: Path) -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def _commit(version: str, commit: str, changed: dict[str, str], work: Path) -> str:
    """A commit on release/VERSION with the changed files, whose dates are those of the commit before it."""
    when = git("show", "--no-patch", "--format=%cI", commit)
    index = {"GIT_INDEX_FILE": str(work / "index")}
    git("read-tree", commit, **index)
    for name, text in changed.items():
        path = work / "blob"
        path.write_text(text)
        blob = git("hash-object", "-w", f"--path={name}", str(path))
        git("update-index", "--cacheinfo", f"100644,{blob},{name}", **index)
    tree = git("write-tree", **index)
    dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    made = git("commit-tree", tree, "-p", commit, "-m", f"Release {version}", **dates, **_identity())
    git("branch", "--force", f"release/{version}", made)
    return made


def _identity() -> dict[str, str]:
    """Whose commit it is where git knows no person, as on a runner of a forge."""
    try:
        git("var", "GIT_COMMITTER_IDENT")
    except subprocess.CalledProcessError:
        return {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "togetherctl release"), ("EMAIL", "release@togetherctl.invalid"))
        }
    return {}


def _put(built: Path, target: Path) -> None:
    """Put the folder `built` in the place of `target`, which at no moment holds a part of it."""
    new, old = (target.with_name(f"{target.name}.{word}") for word in ("new", "old"))
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(built, new)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def release(version: str, target: Path, *, tagged: bool, base: str | None = None) -> None:
    """Build everything into `target`, which is emptied first. Raises NotReady.

    `base` is the address that `togetherctl version --check` asks; without, it is the one in pyproject.toml, if any.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise NotReady(f"{target} is a link or a file, and the release goes into a folder: move it away first")
    commit = check(version, tagged=tagged, base=base)
    when = int(git("show", "--no-patch", "--format=%ct", commit))
    date = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d}"
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source, built = work / f"togetherctl-{version}", work / "built"
        for folder in (source, built):
            folder.mkdir()
        _export(commit, source)
        try:
            changed = {
                "pyproject.toml": changelog.set_version((source / "pyproject.toml").read_text(), version),
                "docs/changelog.md": changelog.cut((source / "docs/changelog.md").read_text(), version, date),
            }
        except ValueError as error:
            raise NotReady(str(error)) from None
        if base:
            changed["pyproject.toml"] = changelog.set_address(changed["pyproject.toml"], base.rstrip("/"))
        for path, text in changed.items():
            (source / path).write_text(text)
        wheel = _build_packages(source, built, _environ(when))
        requirements = _requirements(wheel, source, work)
        # What kubectl runs as `kubectl together-login`: for those who put the single file on PATH.
        shutil.copy(source / "packaging" / debian.PLUGIN, built)
        extras = work / f"togetherctl-{version}-completions-and-man-pages"
        man_pages.write(extras, version, date)
        _pack(extras, built / f"{extras.name}.tar.gz", when, within=work)
        for machine in single_file.MACHINES:
            _build_for_a_machine(machine, requirements, extras, built, work, version, when)
        _sbom(requirements, source, built / f"togetherctl-{version}.cdx.json")
        (built / "latest.json").write_text(json.dumps({"version": version, "date": date}) + "\n")
        _checksums(built)
        made = _commit(version, commit, changed, work)
        _put(built, target)
    print(f"{target} holds {version}. Branch release/{version} ({made[:12]}) has its version and changelog.")
    print("Nothing is published; docs/releasing.md says how that goes on.")


def main() -> int:
    """Read the command line, and say in one sentence why there is no release."""
    parser = argparse.ArgumentParser(description="Build a release into dist/.")
    parser.add_argument("version")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--tagged", action="store_true", help="Build again what has its tag already.")
    parser.add_argument("--base", help="The address of releases, which `togetherctl version --check` asks.")
    given = parser.parse_args()
    try:
        release(given.version, given.output, tagged=given.tagged, base=given.base)
    except NotReady as error:
        print(f"no release: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"no release: {' '.join(map(str, error.cmd[:4]))} … ended with {error.returncode}", file=sys.stderr)
        if error.stderr:
            print(error.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
