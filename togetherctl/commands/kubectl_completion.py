"""`kubectl_complete-together_login`: what kubectl runs when Tab is pressed behind `kubectl together-login`."""

from __future__ import annotations

import os
import sys

from togetherctl.cli.app import App
from togetherctl.cli.console import drop
from togetherctl.cli.shell_completion import complete_for_kubectl
from togetherctl.commands.kubectl_plugin import plugin
from togetherctl.printable import spell_out


def main() -> None:
    """Answer kubectl about the words of this process's command line."""
    spell_out(sys.stdout)
    try:
        sys.stdout.write(complete_for_kubectl(App(os.environ), plugin, sys.argv[1:]))
        sys.stdout.flush()
    except OSError:
        drop(sys.stdout)
