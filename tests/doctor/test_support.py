"""The text of a bug report: no secret, no name, and the file it goes to."""

from __future__ import annotations

import json
import re
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import ScriptedBrowser
from tests.support.issuer import Reply
from tests.support.terminal import terminal
from togetherctl.doctor.check import Check
from togetherctl.doctor.examine import Result
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.known_names import hide_secrets
from togetherctl.doctor.support_text import write_support_text
from togetherctl.errors import run
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeWorld, Run, WriteConfig
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer

SECRETS = {
    "a client secret": "client-secret-abc",
    "a client secret in a variable": "client-secret-xyz",
    "a header": "header-value-123",
    "a parameter": "ticket-value-123",
    "a proxy's password": "proxy-password",
    "a password in a variable": "other-password",
    "an API key": "together-key-123",
    "a word of a browser": "browser-word-123",
    "a word of a command": "command-word-123",
    "a comment": "comment-word-123",
    "an option of a command": "option-word-123",
    "a query behind a login": "behind-word-123",
    "a word of a browser in a variable": "variable-word-123",
    "a bundle's query": "sig=bundle-word-123",
}
NAMES = {
    "acme", "lab", "vault", "h100-east", "gpu-context", "ml-team", "login.acme-corp.com", "acme-tenant",
    "bob@acme-corp.com", "203.0.113.7", "fe80::7:1", "0oa1b2c3d4", "proxy.acme-corp.com", "Bob Miller", "00u-bob",
    "people-of-acme", "proxyhost", "8f14e45f-ceea-467f-a0e6-aa0e4bd1c1a7", "bastion", "bobby",
}  # fmt: skip


@pytest.fixture
def config(issuer: ScriptedIssuer, write_config: WriteConfig, canary: Canary) -> Iterator[Path]:
    for kind, secret in SECRETS.items():
        canary.watch(kind, secret)
    issuer.claims = {"sub": "00u-bob", "email": "bob@acme-corp.com", "name": "Bob Miller", "groups": ["people-of-acme"]}
    issuer.client_id = "0oa1b2c3d4"
    path = write_config(f"""version = 1

[issuers.lab]
url = "{issuer.url}"

[issuers.acme]
# comment-word-123
url = "https://login.acme-corp.com/realms/acme-tenant"
proxy = "http://bobby:proxy-password@proxy.acme-corp.com:3128"
request_headers = {{ X-Api-Key = "header-value-123" }}

[profiles.lab]
issuer = "lab"
client_id = "0oa1b2c3d4"
redirect_uris = ["http://localhost:0"]

[profiles.acme]
issuer = "acme"
client_id = "8f14e45f-ceea-467f-a0e6-aa0e4bd1c1a7"
client_secret = "client-secret-abc"
account = "bob@acme-corp.com"
auth_params = {{ prompt = "select_account", ticket = "ticket-value-123" }}
browser = ["firefox", "-P", "browser-word-123", "{{url}}"]

[profiles.vault]
issuer = "acme"
client_id = "0oa1b2c3d4"
client_secret = {{ command = ["op", "read", "command-word-123", "--key=option-word-123"] }}
open_url_after = "https://portal.acme-corp.com/?key=behind-word-123"

[profiles.by-variable]
issuer = "acme"
client_id = "0oa1b2c3d4"
client_secret = {{ env = "ACME_SECRET" }}

[clusters.h100-east]
profile = "lab"
server = "https://203.0.113.7:6443"
context = "gpu-context"
namespace = "ml-team"
proxy_url = "http://bastion:8080"

[clusters.six]
profile = "acme"
server = "https://[fe80::7:1]:6443"

[bundles.team]
source = "https://bundles.acme-corp.com/team.toml?sig=bundle-word-123"
sha256 = "{"0" * 64}"
""")
    yield path
    # It holds what the canary watches for.
    path.unlink()


ENVIRONMENT = {
    "ACME_SECRET": "client-secret-xyz",
    "TOGETHER_API_KEY": "together-key-123",
    "HTTPS_PROXY": "http://bobby:other-password@proxyhost:3128",
}
BROWSER = "sh --key variable-word-123"


@pytest.fixture
def report(config: Path, issuer: ScriptedIssuer, cli_in: CliIn) -> str:
    """With a session whose last refresh was refused, and nothing asked of the network."""
    assert config.exists()
    call = cli_in(open_browser=ScriptedBrowser(issuer))
    assert call("login", "lab").code == 0
    issuer.refresh_reply = Reply(400, {"error": "invalid_grant", "error_description": "bob@acme-corp.com was removed"})
    assert call("refresh", "lab", "--force").code != 0
    done = call("support", "--offline", "--output", "-", **ENVIRONMENT)
    assert done.code == 0, done.stderr
    return done.stdout


def test_it_holds_what_helps(report: str) -> None:
    for word in ("Versions", "togetherctl 0.", "textual ", "configuration-valid", "invalid_grant", 'prompt = "select_'):
        assert word in report
    assert re.search(r"^profile-\d+: login-required|^name-\d+: valid", report, re.MULTILINE), report
    assert 'browser = ["firefox", "(hidden)", "(hidden)", "{url}"]' in report


def test_it_holds_no_secret(report: str) -> None:
    assert [kind for kind, secret in SECRETS.items() if secret in report] == []


def test_it_holds_no_name(report: str, home: Path) -> None:
    assert [name for name in sorted(NAMES) if name.lower() in report.lower()] == []
    assert str(home) not in report
    assert socket.gethostname() not in report


def test_the_same_name_is_the_same_word(report: str) -> None:
    # The account of the configuration, and the one that the issuer named.
    [word] = re.findall(r'account = "([^"]+)"', report)
    assert word.startswith("email-")
    assert f"{word} was removed" in report
    # One name of an issuer and of a profile.
    [name] = re.findall(r"\[issuers\.(name-\d+)\]\nurl = \"https://host", report)
    assert f"[profiles.{name}]" in report


def test_with_names_the_secrets_alone_go(config: Path, cli: Run) -> None:
    assert config.exists()
    report = cli("support", "--offline", "--names", "-o", "-", **ENVIRONMENT).stdout
    assert [kind for kind, secret in SECRETS.items() if secret in report] == []
    assert {"acme", "gpu-context", "login.acme-corp.com", "bob@acme-corp.com", "bobby"} - set(
        re.findall(r"[\w@.-]+", report)
    ) == set()


@pytest.mark.parametrize("names", [[], ["--names"]])
@pytest.mark.parametrize("found", [True, False])
def test_a_browser_in_a_variable(*, found: bool, names: list[str], config: Path, cli: Run) -> None:
    assert config.exists()
    browser = BROWSER if found else BROWSER.replace("sh", "gone")
    for words in (["support", "-o", "-", *names], ["doctor", "--all"], ["doctor", "-o", "json"]):
        done = cli(*words, "--offline", **ENVIRONMENT, TOGETHERCTL_BROWSER=browser)
        assert "login-browser" in done.stdout
        assert [kind for kind, secret in SECRETS.items() if secret in done.stdout + done.stderr] == []


def test_a_secret_of_a_command_in_a_finding(config: Path, make_world: MakeWorld) -> None:
    assert config.exists()
    facts = Facts(make_world(**ENVIRONMENT, TOGETHERCTL_BROWSER=BROWSER), offline=True)
    check = Check("token-x", "token", "A token", "machine", lambda *_: [], signs=(), means="", helps="")
    finding = Finding("failed", " ".join(SECRETS.values()), run("togetherctl", "login", "lab"))
    text = write_support_text(facts, [Result(check, finding)], names=True)
    # What a comment says is known to no one.
    assert [kind for kind, secret in SECRETS.items() if secret in text] == ["a comment"]


def test_names_and_secrets_in_findings(config: Path, make_world: MakeWorld) -> None:
    assert config.exists()
    facts = Facts(make_world(**ENVIRONMENT), offline=True)
    message = (
        "https://login.acme-corp.com/realms/acme-tenant/token?code=abcdefghij answered 401 to client 0oa1b2c3d4 of "
        "bob@acme-corp.com (client-secret-xyz, Bearer abcdefgh.12345) by proxyhost:3128, see "
        "/home/bob/acme/ca.pem; proxy-password"
    )
    check = Check("token-x", "token", "A token", "machine", lambda *_: [], signs=(), means="", helps="")
    finding = Finding("failed", message, run("togetherctl", "login", "acme"))
    text = write_support_text(facts, [Result(check, finding)])
    [line] = [line for line in text.splitlines() if line.startswith("failed")]
    assert re.fullmatch(
        r"failed   token-x: https://host-\d+/realms/path-\d+/token\?… answered 401 to client client-\d+ of email-\d+ "
        r"\(\(hidden\), Bearer \(hidden\)\) by host-\d+:3128, see /home/[a-z-]+-\d+/name-\d+/path-\d+\.pem; \(hidden\)",
        line,
    ), line
    assert re.search(r"run: togetherctl login name-\d+$", text, re.MULTILINE)


def test_a_secret_that_is_a_word_of_ours_makes_nothing_unreadable(config: Path, cli: Run) -> None:
    config.write_text(config.read_text().replace('ticket = "ticket-value-123"', 'mode = "login"'))
    report = cli("support", "--offline", "--output", "-", "--names").stdout
    assert 'mode = "(hidden)"' in report
    assert "togetherctl login" in report


def test_what_has_the_form_of_a_secret() -> None:
    token = f"eyJ{'a' * 20}.eyJ{'b' * 30}.{'c' * 40}"
    text = (
        f"{token} refresh_token=abcdef {json.dumps({'client_secret': 'abcdef'})} password: abcdef http://me:abcdef@host"
    )
    hidden = hide_secrets(text, [])
    assert "abcdef" not in hidden
    assert "eyJ" not in hidden
    assert "http://me:(hidden)@host" in hidden


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("refresh token rt99ab77cd was revoked", "refresh token (hidden) was revoked"),
        ("client_secret S3CR3T wrong", "client_secret (hidden) wrong"),
        ("bad code=abcdefgh&state=x", "bad code=(hidden)&state=x"),
        ("AADSTS700082: the token of bob@acme.com expired", "AADSTS700082: the token of bob@acme.com expired"),
        ("temporarily_unavailable until 2026-11-28T15:00:00Z", "temporarily_unavailable until 2026-11-28T15:00:00Z"),
        ("abcdefghijklmnopqrstuvwxyz", "(hidden)"),
        ("no such session for Bearer madeup", "no such session for Bearer (hidden)"),
        ('got Authorization: Bearer "madeup"', 'Bearer "(hidden)"'),
        ("password open-sesame is wrong", "password (hidden) is wrong"),
        ("the password was 'sesame'", "the password was '(hidden)'"),
        ("token abc123 was used before", "token (hidden) was used before"),
        ("the password is incorrect", "the password is incorrect"),
        ("password authentication failed", "password authentication failed"),
        ("Your password has expired: AADSTS50055", "Your password has expired: AADSTS50055"),
        ("the bearer token of the session is too old", "the bearer token of the session is too old"),
        ("refresh token expired, and no token of it is left", "refresh token expired, and no token of it is left"),
    ],
)
def test_what_an_issuer_repeats_of_a_secret_is_hidden(
    said: str, shown: str, config: Path, issuer: ScriptedIssuer, cli_in: CliIn
) -> None:
    assert config.exists()
    call = cli_in(open_browser=ScriptedBrowser(issuer))
    assert call("login", "lab").code == 0
    issuer.refresh_reply = Reply(400, {"error": "invalid_grant", "error_description": said})
    assert call("refresh", "lab", "--force").code != 0
    report = call("support", "--offline", "--names", "--output", "-").stdout
    assert "invalid_grant" in report
    assert shown in report
    assert said == shown or said not in report


def test_a_name_without_a_password_and_the_query_of_an_address_are_hidden(config: Path, cli: Run) -> None:
    text = config.read_text()
    text = text.replace("http://bobby:proxy-password@", "http://proxy-token-1@").replace(
        "http://bastion:8080", "http://proxy-token-2@bastion:8080"
    )
    text = text.replace(
        'redirect_uris = ["http://localhost:0"]',
        'redirect_uris = ["http://localhost:0"]\nopen_url_after = "https://home.acme-corp.com/done?key=query-word#part-word"',
    )
    config.write_text(text)
    for names in ([], ["--names"]):
        report = cli("support", "--offline", *names, "-o", "-", HTTPS_PROXY="http://proxy-token-3@proxyhost:1").stdout
        assert "open_url_after" in report
        assert re.findall("proxy-token-.|query-word|part-word", report) == []


def test_a_configuration_that_cannot_be_read(config: Path, cli: Run) -> None:
    config.write_text(config.read_text().replace("version = 1", "version = 7"))
    done = cli("support", "--offline", "--output", "-")
    assert done.code == 0
    assert "configuration-valid" in done.stdout
    # No part of what cannot be understood, and its headings are names still.
    assert not [name for name in NAMES if name in done.stdout]
    assert "[issuers" not in done.stdout
    assert "Sessions\n========\nnot known: the configuration cannot be read\n" in done.stdout


def test_it_writes_a_private_file(config: Path, cli: Run, tmp_path: Path) -> None:
    assert config.exists()
    file = tmp_path / "report.txt"
    done = cli("support", "--offline", "--output", str(file))
    assert (done.code, done.stdout) == (0, "")
    assert str(file) in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Doctor" in file.read_text()


def test_it_replaces_no_file_without_a_yes(config: Path, cli: Run, tmp_path: Path) -> None:
    assert config.exists()
    file = tmp_path / "report.txt"
    file.write_text("mine")
    assert cli("support", "--offline", "--output", str(file)).code == 2
    assert file.read_text() == "mine"
    assert cli("support", "--offline", "--output", str(file), "--yes").code == 0
    assert "Doctor" in file.read_text()


@pytest.mark.parametrize("place", [".", "missing/report.txt"])
def test_a_place_that_cannot_be(place: str, config: Path, cli: Run, tmp_path: Path) -> None:
    assert config.exists()
    done = cli("support", "--output", str(tmp_path / place))
    assert done.code == 2
    assert "--output" in done.stderr


def test_at_a_terminal_it_shows_the_text_asks_and_writes(config: Path, environ: dict[str, str], tmp_path: Path) -> None:
    assert config.exists()
    folder = tmp_path / "here"
    folder.mkdir()
    words = [
        "sh",
        "-c",
        'cd "$0" && exec "$@"',
        str(folder),
        sys.executable,
        "-m",
        "togetherctl",
        "support",
        "--offline",
    ]
    file = folder / "togetherctl-support.txt"
    with terminal(words, {**environ, "PAGER": "cat"}, tmp_path) as screen:
        screen.until("Write this to togetherctl-support.txt?")
        # It was shown before, and nothing is there before the answer.
        assert "last error" in screen.everything() or "Sessions" in screen.everything()
        assert not file.exists()
        screen.press("y")
        screen.press("Enter")
        screen.until("only you can read")
        screen.until("ended with 0")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with terminal(words, {**environ, "PAGER": "cat"}, tmp_path) as screen:
        screen.until("Replace togetherctl-support.txt?")
        before = file.read_bytes()
        screen.press("n")
        screen.press("Enter")
        screen.until("Nothing was changed.")
        screen.until("ended with 1")
    assert file.read_bytes() == before
