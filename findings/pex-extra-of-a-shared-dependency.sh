#!/usr/bin/env bash
# Pex 2.105.2 builds a PEX that lacks a package, says nothing, and ends with 0; the file ends with an error at each start.
#
# rich 15.0.0 needs markdown-it-py, and textual 8.2.8 needs markdown-it-py[linkify]. Built for rich and textual, the PEX
# has markdown-it-py, but not linkify-it-py, which the extra asks for. Built for textual alone, which itself needs rich, or
# with --resolver-version pip-2020-resolver, it has both. pip installs both either way.
#
# Needs Python 3.11 or newer, and downloads packages. Seen in November 2026:
#
#   rich textual                         built: 0   linkify-it-py: missing   starts: 1
#   textual                              built: 0   linkify-it-py: there     starts: 0
#   rich textual, pip-2020-resolver      built: 0   linkify-it-py: there     starts: 0
#
# Exits with 1 if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PEX_ROOT="$folder/pex-root" PIP_DISABLE_PIP_VERSION_CHECK=1

python3 -m venv venv
venv/bin/pip install --quiet pex==2.105.2
venv/bin/pip download --quiet --dest wheels rich==15.0.0 textual==8.2.8 markdown-it-py==4.3.0 linkify-it-py==2.2.0

try() {
  local name=$1 built=0 starts=0 there=missing
  shift
  venv/bin/pex --no-index --find-links wheels "$@" -o made.pex >build.log 2>&1 || built=$?
  venv/bin/python -m zipfile --list made.pex >members
  if grep -q linkify_it/ members; then there=there; fi
  venv/bin/python made.pex -c 'import rich, textual' >run.log 2>&1 || starts=$?
  echo "$name|$built|$there|$starts"
}

{
  try "rich textual" rich textual
  try "textual" textual
  try "rich textual, pip-2020-resolver" --resolver-version pip-2020-resolver rich textual
} | tee seen

diff seen - <<'END' || { echo "this has changed" >&2; exit 1; }
rich textual|0|missing|1
textual|0|there|0
rich textual, pip-2020-resolver|0|there|0
END
