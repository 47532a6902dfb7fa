"""Build a Debian package of a release: the single file, its man pages and its completions."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

# Debian's names of machines, by those of `uname -m`.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PLUGIN = "kubectl-together_login"
_CONTROL = """\
Package: togetherctl
Version: {version}
Section: admin
Priority: optional
Architecture: {architecture}
Depends: python3 (>= {oldest_python})
Recommends: kubectl | kubernetes-client
Maintainer: {maintainer}
Installed-Size: {size}
Description: {summary}
{description}
"""
_COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: togetherctl

Files: *
Copyright: {year} The togetherctl authors
License: Apache-2.0
 On Debian systems, the full text of this license is in /usr/share/common-licenses/Apache-2.0.
Comment:
 The file /usr/lib/togetherctl/togetherctl.pyz holds other people's packages, each with its own license inside.
"""
_CHANGELOG = """\
togetherctl ({version}) stable; urgency=medium

  * What is new is in docs/changelog.md of the source.

 -- {maintainer}  {date}
"""
# A zip archive begins with the script that starts it: sh reads no further than that, and a checker of syntax does.
_OVERRIDES = "togetherctl: shell-script-fails-syntax-check [usr/lib/togetherctl/togetherctl.pyz]\n"


def build(
    single: Path, plugin: Path, share: Path, target: Path, work: Path, table: Mapping[str, str], when: int
) -> None:
    """Make `target` of the single file, kubectl's plugin and the tree below /usr/share; `when` in seconds since 1970.

    The bytes are the same each time. `work` is a folder to write in. Raises subprocess.CalledProcessError.
    """
    root, date = work / "debian", datetime.fromtimestamp(when, UTC)
    words = {**table, "year": str(date.year), "date": f"{date:%a, %d %b %Y %H:%M:%S +0000}"}
    library, programs, documents = root / "usr/lib/togetherctl", root / "usr/bin", root / "usr/share/doc/togetherctl"
    for folder in (library, programs, documents, root / "DEBIAN"):
        folder.mkdir(parents=True)
    shutil.copy(single, library / "togetherctl.pyz")
    (programs / "togetherctl").symlink_to("../lib/togetherctl/togetherctl.pyz")
    shutil.copy(plugin, programs / PLUGIN)
    shutil.copytree(share, root / "usr/share", dirs_exist_ok=True)
    _move_to_debians_places(root / "usr/share")
    (documents / "copyright").write_text(_COPYRIGHT.format(**words))
    _zip(documents / "changelog.gz", _CHANGELOG.format(**words).encode())
    overrides = root / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    (overrides / "togetherctl").write_text(_OVERRIDES)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) // 1024
    (root / "DEBIAN/control").write_text(
        _CONTROL.format(**{**words, "size": size, "description": _paragraph(table["description"])})
    )
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.suffix == ".pyz" or path.name == PLUGIN else 0o644)
    # Its own variables would change the bytes.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DPKG_")}
    environ = {**kept, "SOURCE_DATE_EPOCH": str(when)}
    build = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(root), str(target)]
    subprocess.run(build, check=True, capture_output=True, env=environ)


def _move_to_debians_places(share: Path) -> None:
    (share / "zsh/vendor-completions").parent.mkdir(exist_ok=True)
    (share / "zsh/site-functions").rename(share / "zsh/vendor-completions")
    for page in sorted((share / "man/man1").iterdir()):
        _zip(page.with_name(f"{page.name}.gz"), page.read_bytes())
        page.unlink()


def _zip(path: Path, data: bytes) -> None:
    """Without a name and a date inside."""
    path.write_bytes(gzip.compress(data, compresslevel=9, mtime=0))


def _paragraph(text: str) -> str:
    import textwrap

    return "\n".join(f" {line}" for line in textwrap.wrap(text.strip(), 78))
