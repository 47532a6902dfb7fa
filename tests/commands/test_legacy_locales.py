"""A terminal that cannot spell a name: it is escaped, in every form of output, and nothing is a bug of ours."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import WriteConfig
from tests.support.terminal import terminal

LOCALES: dict[str, tuple[dict[str, str], str]] = {
    "ascii": ({"PYTHONIOENCODING": "ascii:strict"}, "ascii"),
    "latin-1": ({"PYTHONIOENCODING": "latin-1:strict"}, "latin-1"),
    "the C locale": ({"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, "ascii"),
    "utf-8": ({"PYTHONIOENCODING": "utf-8:strict"}, "utf-8"),
}
# One letter that Latin-1 has, one that only Unicode has, and one beyond its first 65 536.
NAME = "zo\u00eb\u2602\U0001f511"
ESCAPED = {"ascii": "zo\\u00eb\\u2602\\U0001f511", "latin-1": "zo\u00eb\\u2602\\U0001f511", "utf-8": NAME}
STORE = f"""version = 1
# Of {NAME}.
[issuers.acme]
url = "https://issuer.example"
[profiles.acme]
issuer = "acme"
client_id = "{NAME}"
account = "{NAME}@example.com"
[clusters.east]
profile = "acme"
server = "https://127.0.0.1:6443"
context = "{NAME}"
"""

Call = Callable[..., tuple[int, bytes, bytes]]


@pytest.fixture(params=list(LOCALES))
def locale(request: pytest.FixtureRequest) -> tuple[dict[str, str], str]:
    return LOCALES[str(request.param)]


@pytest.fixture
def call(write_config: WriteConfig, environ: dict[str, str], locale: tuple[dict[str, str], str]) -> Call:
    """Run a command on a configuration with such names, and give the code and the bytes of stdout and stderr."""
    write_config(STORE)

    def call(*arguments: str) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "togetherctl", *arguments],
            env={**environ, **locale[0]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_every_form_of_a_list_says_the_name(call: Call, locale: tuple[dict[str, str], str]) -> None:
    encoding = locale[1]
    code, table, _ = call("cluster", "show", "east")
    assert code == 0
    assert ESCAPED[encoding] in table.decode(encoding)
    code, table, _ = call("profile", "list")
    assert code == 0
    assert ESCAPED[encoding] in table.decode(encoding)
    for words in (["cluster", "list"], ["cluster", "show", "east"]):
        code, data, _ = call(*words, "-o", "json")
        item = json.loads(data.decode(encoding))
        assert (code, item.get("item", item.get("items", [None])[0])["context"]) == (0, NAME)
        code, data, _ = call(*words, "-o", "yaml")
        item = yaml.safe_load(data.decode(encoding))
        assert (code, item.get("item", item.get("items", [None])[0])["context"]) == (0, NAME)


def test_what_others_read_stays_what_it_is(call: Call, locale: tuple[dict[str, str], str]) -> None:
    encoding = locale[1]
    code, bundle, _ = call("profile", "export")
    assert code == 0
    assert tomllib.loads(bundle.decode(encoding))["profiles"]["acme"]["client_id"] == NAME
    for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        code, text, _ = call("kubeconfig", "show", "--no-shim", "-o", form)
        assert code == 0
        assert read(text.decode(encoding))["contexts"][0]["name"] == NAME


def test_differences_and_the_persons_own_text_are_escaped(call: Call, locale: tuple[dict[str, str], str]) -> None:
    encoding = locale[1]
    code, text, _ = call("config", "show")
    assert (code, f"# Of {ESCAPED[encoding]}." in text.decode(encoding)) == (0, True)
    code, text, _ = call("kubeconfig", "write", "--dry-run", "--no-shim")
    assert code == 0
    assert "+" in text.decode(encoding)
    code, _, _ = call("kubeconfig", "write", "--no-shim")
    assert code == 0
    code, text, _ = call("kubeconfig", "remove", "--dry-run", "east")
    assert (code, "-" in text.decode(encoding)) == (0, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["profile", "show", f"no{NAME}"], 2),
        (["login", f"no{NAME}"], 2),
        (["use", f"no{NAME}"], 2),
        (["whoami", f"no{NAME}", "-o", "json"], 2),
        ([NAME], 2),
        (["get-token", "--profile", NAME], 2),
        (["profile", "set", "acme", f"grant={NAME}"], 2),
        (["init", f"/{NAME}", "--yes"], 2),
        (["issuer", "check", NAME], 2),
        (["-v", "refresh", f"no{NAME}"], 2),
    ],
)
def test_the_last_line_of_an_error_is_escaped(
    call: Call, locale: tuple[dict[str, str], str], words: list[str], code: int
) -> None:
    ended, out, said = call(*words)
    assert ended == code, said
    text = said.decode(locale[1])
    assert "bug" not in text
    assert text.startswith("togetherctl: ")
    if "-o" in words:
        assert json.loads(out.decode(locale[1]))["error"]["exit"] == code


def test_a_path_reaches_scripts_as_it_is(call: Call, environ: dict[str, str], home: Path) -> None:
    folder = home / NAME
    environ["TOGETHERCTL_HOME"] = str(folder)
    code, out, _ = call("config", "path")
    assert (code, out) == (0, f"{folder}/config.toml\n".encode())
    for form in ("json", "yaml"):
        code, out, _ = call("config", "path", "-o", form)
        assert (code, b"config.toml" in out) == (0, True)


def test_questions_and_the_terminal_interface_end_in_a_sentence(
    write_config: WriteConfig, environ: dict[str, str], tmp_path: Path
) -> None:
    write_config(STORE)
    latin_1 = {**environ, "PYTHONIOENCODING": "latin-1:strict", "TERM": "xterm"}
    with terminal([sys.executable, "-m", "togetherctl", "ui"], latin_1, tmp_path) as opened:
        opened.until("ended with 2")
        assert "this terminal's encoding, iso8859-1" in " ".join(opened.everything().split())
    ask = f"import os; from togetherctl.cli.prompts import Prompts; Prompts(os.environ).yes({NAME!r})"
    with terminal([sys.executable, "-c", ask], latin_1, tmp_path) as opened:
        # The screen is one of UTF-8, which is not what the program was told.
        opened.until("\\u2602\\U0001f511 (Y/n)")
        opened.press("y")
        opened.press("Enter")
        opened.until("ended with 0")
