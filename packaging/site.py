"""Build the documentation site from the Markdown of this repository: `make site`.

The pages are arranged by need, links between them follow, and a link that leads nowhere ends the build. Zensical makes
the pages; Material for MkDocs, which it follows, is not developed any more.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"""(?P<before>!?\[[^\]]*\]\(|\ssrc(?:set)?=")(?P<target>[^)\s"]+)(?P<after>\)|")""")

# Where each page stands on the site, by the need that leads people to it, in the order of the navigation.
_PAGES: dict[str, dict[str, str]] = {
    "Start": {
        "README.md": "index.md",
        "docs/install.md": "start/install.md",
        "docs/first-cluster.md": "start/first-cluster.md",
        "docs/onboarding.md": "start/onboarding.md",
        "docs/together.md": "start/together.md",
        "docs/migrating.md": "start/migrating.md",
        "docs/converting.md": "start/converting.md",
    },
    "Tasks": {
        "docs/logging-in.md": "tasks/logging-in.md",
        "docs/managing.md": "tasks/managing.md",
        "docs/agent.md": "tasks/agent.md",
        "docs/containers.md": "tasks/containers.md",
        "docs/several-clusters.md": "tasks/several-clusters.md",
        "docs/two-accounts.md": "tasks/two-accounts.md",
        "docs/tui.md": "tasks/tui.md",
        "docs/whoami.md": "tasks/whoami.md",
        "docs/bundles.md": "tasks/bundles.md",
        "docs/setup.md": "tasks/setup.md",
        "docs/clients.md": "tasks/clients.md",
        "docs/completion.md": "tasks/completion.md",
        "docs/standalone.md": "tasks/standalone.md",
        "docs/troubleshooting.md": "tasks/troubleshooting.md",
        "docs/faq.md": "tasks/faq.md",
        "docs/support.md": "tasks/support.md",
    },
    "Reference": {
        "docs/reference/commands.md": "reference/commands.md",
        "docs/reference/configuration.md": "reference/configuration.md",
        "docs/reference/environment.md": "reference/environment.md",
        "docs/reference/exit-codes.md": "reference/exit-codes.md",
        "docs/reference/files.md": "reference/files.md",
        "docs/reference/json.md": "reference/json.md",
        "docs/providers.md": "reference/providers.md",
        "docs/plugin.md": "reference/plugin.md",
        "docs/agent-protocol.md": "reference/agent-protocol.md",
        "docs/changelog.md": "reference/changelog.md",
    },
    "Understanding": {
        "docs/how-it-works.md": "understanding/how-it-works.md",
        "docs/tokens.md": "understanding/tokens.md",
        "docs/storage.md": "understanding/storage.md",
        "docs/security-model.md": "understanding/security-model.md",
        "docs/security.md": "understanding/security.md",
        "docs/network.md": "understanding/network.md",
        "docs/comparison.md": "understanding/comparison.md",
        "docs/platforms.md": "understanding/platforms.md",
        "docs/performance.md": "understanding/performance.md",
        "docs/glossary.md": "understanding/glossary.md",
        "docs/architecture.md": "understanding/architecture.md",
    },
    "Taking part": {
        ".github/CONTRIBUTING.md": "taking-part/contributing.md",
        ".github/SECURITY.md": "taking-part/security.md",
        ".github/CODE_OF_CONDUCT.md": "taking-part/code-of-conduct.md",
        "docs/releasing.md": "taking-part/releasing.md",
    },
}
# What pages lead to and that is shown as it is.
_FILES = {
    "LICENSE": "LICENSE.txt",
    "profiles/config.schema.json": "reference/config.schema.json",
    "profiles/preset.schema.json": "reference/preset.schema.json",
    "profiles/example.toml": "reference/example.toml",
    "docs/pictures": "pictures",
}

_SETTINGS = """\
[project]
site_name = "togetherctl"
site_description = "One TOML file of profiles, one auth engine, and every Kubernetes client logged in"
docs_dir = "pages"
site_dir = "site"
use_directory_urls = false
extra_css = ["narrow.css"]
nav = [
@nav@]

[project.theme]
language = "en"
font = false
features = [
  "navigation.tabs", "navigation.sections", "navigation.top", "navigation.footer", "search.highlight",
  "content.code.copy",
]

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle.icon = "lucide/sun"
toggle.name = "Dark"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle.icon = "lucide/moon"
toggle.name = "Light"
"""

# On a phone a table scrolls sideways; its cells stay wide enough to be read, and its first column stays in sight.
_NARROW = """\
@media (max-width: 40em) {
  .md-typeset table:not([class]):has(th:nth-child(3)) { overflow: visible; }
  .md-typeset table:has(th:nth-child(4)) :is(th, td) { min-width: 8.5rem; }
  .md-typeset table:has(th:nth-child(3)) :is(th, td):first-child {
    min-width: 5.5rem; max-width: 7rem; position: sticky; left: 0; z-index: 1;
    background-color: var(--md-default-bg-color); border-right: .05rem solid var(--md-default-fg-color--lightest);
  }
  .md-typeset table:has(th:nth-child(3)) :is(th, td):first-child code { overflow-wrap: anywhere; }
}
"""


class Broken(Exception):
    """A page that is on no site, or a link that leads nowhere, with its place."""


def arrange(pages: Path) -> None:
    """Write the pages of the site below `pages`, with their links. Raises Broken."""
    places = {source: place for part in _PAGES.values() for source, place in part.items()}
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    lost = sorted(there - places.keys())
    if lost:
        raise Broken(
            f"these pages stand nowhere on the site; give them a place in packaging/site.py: {', '.join(lost)}"
        )
    for source, place in places.items():
        path = pages / place
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / source).read_text(encoding="utf-8")
        path.write_text(_follow_links(text, source, place, places), encoding="utf-8")
    for source, place in _FILES.items():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, pages / place)


def _follow_links(text: str, source: str, place: str, places: dict[str, str]) -> str:
    """The page's text, each link to a file of this repository leading to where that stands on the site."""

    def follow(found: re.Match[str]) -> str:
        target, _, anchor = found["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return found[0]
        meant = os.path.normpath(PurePosixPath(source).parent / target)
        folder = next((name for name in _FILES if meant.startswith(f"{name}/")), None)
        on_site = places.get(meant) or _FILES.get(meant)
        if folder is not None:
            on_site = f"{_FILES[folder]}{meant.removeprefix(folder)}"
        if on_site is None or not (ROOT / meant).exists():
            raise Broken(f"{source}: the link to {target} leads to nothing on the site")
        way = os.path.relpath(on_site, PurePosixPath(place).parent)
        return f"{found['before']}{way}{f'#{anchor}' if anchor else ''}{found['after']}"

    return "".join(part if code else _LINK.sub(follow, part) for part, code in _parts(text))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces; with each, whether it is a block of code, in which nothing is a link."""
    code = False
    for line in text.splitlines(keepends=True):
        fence = line.lstrip().startswith("```")
        yield line, code or fence
        code ^= fence


def _navigation() -> str:
    lines = []
    for title, part in _PAGES.items():
        listed = ", ".join(f'"{place}"' for place in part.values())
        lines.append(f'  {{ "{title}" = [{listed}] }},\n')
    return "".join(lines)


def main() -> int:
    """Arrange and build; where a link is broken, say which."""
    work = ROOT / "build/site"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        arrange(work / "pages")
    except Broken as error:
        print(f"no site: {error}", file=sys.stderr)
        return 1
    (work / "pages" / "narrow.css").write_text(_NARROW, encoding="utf-8")
    (work / "zensical.toml").write_text(_SETTINGS.replace("@nav@", _navigation()), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=work, check=False)
    if done.returncode == 0:
        print(f"{work / 'site' / 'index.html'} is the first page")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
