"""The one door: `togetherctl` and `kubectl-together_login` both come in here."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    from togetherctl.commands.run import run

    sys.exit(run(sys.argv[1:], os.environ, program=_program(sys.argv[0])))


def _program(path: str) -> str:
    name = Path(path).name.removesuffix(".exe")
    return "kubectl together-login" if name == "kubectl-together_login" else "togetherctl"


if __name__ == "__main__":
    main()
