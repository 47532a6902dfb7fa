#!/usr/bin/env bash
# click 8.5.1: the first context in which a command's help is asked for decides its help option for the whole process.
#
# `help_option_names` is a setting of the context, and a group passes it down. A command keeps the option that it made
# for its first context, so a later context with other names shows, and takes, the names of the first. A program runs
# one context and sees nothing of it; tests, completion and generators of documentation make several in one process, and
# what they see depends on their order.
#
# Needs Python 3.10 or newer, and downloads packages. Seen in November 2026:
#
#   first context: -h, --help   then: usual names    help shows: -h, --help   -h: taken
#   first context: usual names  then: -h, --help     help shows: --help       -h: refused
#
# Exits with 1 if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check click==8.5.1

cat >try.py <<'END'
import click
from click.testing import CliRunner

BOTH, USUAL = {"help_option_names": ["-h", "--help"]}, {}


def look(first, then):
    @click.command()
    def command():
        pass

    click.Context(command, info_name="it", **first).get_usage()
    command.get_help(click.Context(command, info_name="it", **first))
    shown = command.get_help(click.Context(command, info_name="it", **then)).splitlines()[-1].split("  ")
    names = next(text.strip() for text in shown if text.strip())
    taken = CliRunner().invoke(command, ["-h"], **then).exit_code == 0
    return f"{names}|{'taken' if taken else 'refused'}"


print("both, then usual:", look(BOTH, USUAL))
print("usual, then both:", look(USUAL, BOTH))
END

venv/bin/python try.py | tee seen

diff seen - <<'END' || { echo "this has changed" >&2; exit 1; }
both, then usual: -h, --help|taken
usual, then both: --help|refused
END
