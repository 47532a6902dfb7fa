"""The command line itself: help, forms of output, failures that scripts can read, and ends without tracebacks."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Policy
from togetherctl.cli.lazy import LazyGroup
from togetherctl.cli.verbosity import take_verbosity
from togetherctl.commands.root import root
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run, WriteConfig
    from tests.support.browser import ScriptedBrowser


def commands(group: LazyGroup = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, LazyGroup):
            yield from commands(command, (*path, name))


EVERY = list(commands())


@pytest.mark.parametrize(("words", "command"), EVERY, ids=[" ".join(words) for words, _ in EVERY])
def test_every_command_has_help_that_says_what_it_does(
    words: tuple[str, ...], command: click.Command, cli: Run
) -> None:
    for flag in ("--help", "-h"):
        done = cli(*words, flag)
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: togetherctl {' '.join(words)} ")
    assert command.help


def test_the_line_in_a_groups_help_is_the_commands_own_first_sentence() -> None:
    assert isinstance(root, LazyGroup)
    groups = [root, *(command for _, command in EVERY if isinstance(command, LazyGroup))]
    for group in groups:
        for name, verb in group.lazy.items():
            command = group.get_command(click.Context(group), name)
            assert command is not None
            assert verb.summary == (command.help or "").split("\n\n")[0].replace("\n", " "), (group.name, name)


def test_no_command_is_the_help_text(cli: Run) -> None:
    assert cli().stdout == cli("--help").stdout
    assert cli().code == 0


@pytest.mark.parametrize("words", [words for words, command in EVERY if isinstance(command, LazyGroup)], ids=" ".join)
def test_a_group_alone_is_its_help_text(words: tuple[str, ...], cli: Run) -> None:
    done = cli(*words)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == cli(*words, "--help").stdout
    assert done.stdout.count("\n") > 5


@pytest.mark.parametrize(
    ("arguments", "said", "help_of"),
    [
        (["stauts"], "there is no command stauts; did you mean status?", "togetherctl"),
        (["profile", "lst"], "there is no command lst; did you mean list?", "togetherctl profile"),
        (["status", "--colour"], "no such option '--colour'", "togetherctl status"),
        (["profile", "add"], "missing", "togetherctl profile add"),
        (["get-token", "--profile"], "option '--profile' requires an argument", "togetherctl get-token"),
        (["profile", "add", "x", "--issuer"], "requires an argument", "togetherctl profile add"),
        (["profile", "--colour"], "no such option '--colour'", "togetherctl profile"),
        (["status", "-o", "xml"], "invalid value for '-o' / '--output'", "togetherctl status"),
        (["login", "--all", "acme"], "name profiles or say --all, not both", None),
    ],
)
@pytest.mark.usefixtures("acme")
def test_wrong_usage_is_one_sentence_and_the_way_out(
    arguments: list[str], said: str, help_of: str | None, cli: Run
) -> None:
    done = cli(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    if help_of:
        assert done.stderr.endswith(f"\n  run: {help_of} --help\n")


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["status", "nobody"], "usage", 2),
        (["status", "--colour"], "usage", 2),
        (["profile", "show", "nobody"], "usage", 2),
    ],
)
@pytest.mark.usefixtures("acme")
def test_a_failure_is_an_envelope_too(form: str, arguments: list[str], code: str, exit_code: int, cli: Run) -> None:
    done = cli(*arguments, "-o", form)
    assert done.code == exit_code
    envelope = load(done.stdout)
    assert set(envelope) == {"version", "error"}
    assert envelope["error"]["code"] == code
    assert envelope["error"]["exit"] == exit_code
    assert envelope["error"]["message"]
    assert envelope["error"]["hint"].startswith("togetherctl ")
    assert done.stderr  # people see it as well


def test_a_wrong_config_is_an_envelope_with_every_problem(write_config: WriteConfig, cli: Run) -> None:
    write_config("bad = 1\nworse = 2\n")
    error = json.loads(cli("profile", "list", "-o", "json").stdout)["error"]
    assert (error["code"], error["exit"], len(error["problems"])) == ("config", 2, 2)


_OF_KUBECONFIG = ("current", "drift", "missing")


@pytest.mark.parametrize("kind", ["profile", "issuer", "cluster"])
def test_lists_and_records_have_the_configs_keys(kind: str, acme: Path, cli: Run) -> None:
    listed = json.loads(cli(kind, "list", "-o", "json").stdout)
    name = "east" if kind == "cluster" else "acme"
    [item] = listed["items"]
    assert (listed["version"], item["name"]) == (1, name)
    record = json.loads(cli(kind, "show", name, "-o", "json").stdout)
    # Of clusters, the list also tells what the kubeconfig says.
    kubeconfig = {"current", "drift", "missing"} if kind == "cluster" else set()
    assert kubeconfig <= item.keys()
    assert record == {"version": 1, "item": {key: value for key, value in item.items() if key not in kubeconfig}}
    assert load(cli(kind, "list", "-o", "yaml").stdout) == listed
    assert cli(kind, "list", "-o", "name").stdout == f"{name}\n"
    assert name in cli(kind, "list").stdout
    assert name in cli(kind, "show", name).stdout
    assert cli(kind, "validate").stderr == f"{acme} is sound: 1 {kind}.\n"


def test_empty_lists_say_so_to_people_only(cli: Run) -> None:
    assert (cli("profile", "list").stdout, cli("profile", "list").code) == ("", 0)
    assert "There is no profile in" in cli("profile", "list").stderr
    assert json.loads(cli("profile", "list", "-o", "json").stdout) == {"version": 1, "items": []}
    assert cli("status").code == 0
    assert json.loads(cli("status", "-o", "json").stdout) == {"version": 1, "items": []}


def test_validate_names_files_that_cannot_be_read(acme: Path, cli: Run) -> None:
    cli("cluster", "set", "east", "ca_file=missing.pem")
    done = cli("cluster", "validate")
    assert done.code == 2
    assert f"clusters.east.ca_file: {acme.parent}/missing.pem: No such file or directory" in done.stderr
    os.mkfifo(acme.parent / "missing.pem")
    done = cli("cluster", "validate")
    assert (done.code, f"{acme.parent}/missing.pem: Not a regular file" in done.stderr) == (2, True)


@pytest.mark.usefixtures("acme")
def test_a_kubeconfig_is_not_written_past_a_missing_authority_in_silence(cli: Run) -> None:
    cli("cluster", "set", "east", "ca_file=missing.pem")
    done = cli("kubeconfig", "write", "--no-shim")
    assert done.code == 0
    assert "warning: the CA file of cluster east is not there, and kubectl will say so: ~/tctl/missing.pem" in (
        done.stderr
    )


def test_config_shows_itself(acme: Path, cli: Run, home: Path) -> None:
    assert cli("config", "path").stdout == f"{acme}\n"
    paths = json.loads(cli("config", "path", "-o", "json").stdout)["item"]
    assert paths == {"config": str(acme), "state": f"{home}/tctl/state", "cache": f"{home}/tctl/cache"}
    assert cli("config", "show").stdout == acme.read_text()
    assert json.loads(cli("config", "show", "-o", "json").stdout)["item"]["profiles"]["acme"]["issuer"] == "acme"
    assert "default_profile" in json.loads(cli("config", "schema").stdout)["properties"]
    assert cli("config", "set", "default_profile=acme").code == 0
    assert 'default_profile = "acme"' in acme.read_text()
    assert cli("config", "set", "default_profile=nobody").code == 2
    assert cli("config", "set", "default_profile=").code == 0
    assert cli("config", "set", "version=2").code == 2


def test_togetherctl_config_reads_another_config(acme: Path, home: Path, cli: Run) -> None:
    other = home / "other.toml"
    other.write_text(
        acme.read_text().replace("profiles.acme", "profiles.elsewhere").replace('"acme"\nserver', '"elsewhere"\nserver')
    )
    other.chmod(0o600)
    assert cli("status", "-o", "name", TOGETHERCTL_CONFIG=str(other)).stdout == "elsewhere\n"
    assert cli("status", "-o", "name").stdout == "acme\n"


@pytest.mark.parametrize(
    ("arguments", "level", "kept"),
    [
        ([], 0, []),
        (["-v", "status"], 1, ["status"]),
        (["status", "-v"], 1, ["status"]),
        (["status", "-vv"], 2, ["status"]),
        (["-v", "status", "-v"], 2, ["status"]),
        (["status", "-v1"], 1, ["status"]),
        (["status", "--v=4", "acme"], 4, ["status", "acme"]),
        (["--verbose", "status"], 1, ["status"]),
        (["status", "--", "-v"], 0, ["status", "--", "-v"]),
        (["version", "--version", "-volt"], 0, ["version", "--version", "-volt"]),
    ],
)
def test_verbosity_is_taken_anywhere(arguments: list[str], level: int, kept: list[str]) -> None:
    assert take_verbosity(arguments) == (level, kept)


@pytest.mark.usefixtures("acme")
def test_verbose_shows_requests_and_no_secret(cli: Run, issuer: ScriptedIssuer) -> None:
    issuer.always["/.well-known/openid-configuration"] = Reply(404, {})
    done = cli("login", "-v")
    assert f"togetherctl: GET {issuer.url}/.well-known/openid-configuration -> 404 in " in done.stderr
    assert "GET" not in cli("login").stderr


class TestAdding:
    """`profile add` looks at the issuer first."""

    def test_what_it_writes_and_says(self, cli: Run, issuer: ScriptedIssuer, home: Path) -> None:
        done = cli("profile", "add", "acme", "--issuer", issuer.url, "--client-id", "x", "--scope", "email", "margin=9")
        assert done.code == 0
        assert "togetherctl login acme" in done.stderr
        assert (
            (home / "tctl" / "config.toml")
            .read_text()
            .endswith(
                f'[issuers.acme]\nurl = "{issuer.url}"\n\n[profiles.acme]\nissuer = "acme"\nclient_id = "x"\n'
                'scopes = ["email"]\nmargin = 9\n'
            )
        )
        # Whether it knows the client is asked for each redirect URI.
        asked = {"/.well-known/openid-configuration": 1, "/keys": 1, "/authorize": 2}
        assert issuer.counts == asked
        # The URL is known now: the issuer that has it is used, and nothing is asked.
        assert cli("profile", "add", "two", "--issuer", issuer.url, "--client-id", "y").code == 0
        assert issuer.counts == asked
        assert json.loads(cli("issuer", "list", "-o", "json").stdout)["items"][0]["name"] == "acme"

    def test_a_slash_that_differs_is_named(self, cli: Run, issuer: ScriptedIssuer, home: Path) -> None:
        done = cli("profile", "add", "acme", "--issuer", f"{issuer.url}/", "--client-id", "x")
        assert done.code == 5
        assert f'only a slash differs; write url = "{issuer.url}"' in done.stderr
        issuer.metadata_changes["issuer"] = f"{issuer.url}/"
        done = cli("profile", "add", "acme", "--issuer", issuer.url, "--client-id", "x")
        assert f'only a slash differs; write url = "{issuer.url}/"' in done.stderr
        assert not (home / "tctl" / "config.toml").exists()
        assert cli("profile", "add", "acme", "--issuer", f"{issuer.url}/", "--client-id", "x").code == 0

    @pytest.mark.parametrize(
        ("reply", "code", "said"),
        [
            (Reply(404, {}), 5, "there is no OpenID provider at"),
            (Reply(200, {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}), 5, "tenant's ID"),
            (Reply(200, {"issuer": "https://other.example"}), 5, "calls itself https://other.example"),
            (Reply(503, {}), 4, "--offline adds it without asking"),
        ],
    )
    def test_an_issuer_that_is_none_is_not_added(
        self, reply: Reply, code: int, said: str, cli: Run, issuer: ScriptedIssuer, home: Path
    ) -> None:
        issuer.always["/.well-known/openid-configuration"] = reply
        done = cli("profile", "add", "acme", "--issuer", issuer.url, "--client-id", "x")
        assert (done.code, said in done.stderr) == (code, True), done.stderr
        assert not (home / "tctl" / "config.toml").exists()
        assert cli("profile", "add", "acme", "--issuer", issuer.url, "--client-id", "x", "--offline").code == 0

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--issuer", "nobody"], "there is no issuer nobody"),
            (["--issuer", "http://login.example.com"], "must begin with https://"),
            (["--issuer", "https://"], "must be a URL like"),
        ],
    )
    def test_a_wrong_issuer_is_said_before_anyone_is_asked(
        self, arguments: list[str], said: str, cli: Run, home: Path
    ) -> None:
        for offline in ([], ["--offline"]):
            done = cli("profile", "add", "acme", "--client-id", "x", *arguments, *offline)
            assert (done.code, said in done.stderr) == (2, True), done.stderr
        assert not (home / "tctl" / "config.toml").exists()

    def test_a_certificate_authority_that_cannot_be_used(
        self, acme: Path, cli: Run, ca_file: Path, tmp_path: Path
    ) -> None:
        before = acme.read_text()
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "text").write_text("no certificate")
        for name, said in (
            ("nope", "No such file or directory"),
            ("pipe", "Not a regular file"),
            ("text", "holds no PEM certificate"),
        ):
            path = tmp_path / name
            for words in (
                ["cluster", "add", "west", "--profile", "acme", "--server", "https://x", "--ca-file", str(path)],
                ["cluster", "add", "west", "--profile", "acme", "--server", "https://x", f"ca_file={path}"],
                ["issuer", "add", "b", "--url", "https://x", "--ca-file", str(path), "--offline"],
                ["profile", "add", "b", "--issuer", "https://x", "--client-id", "x", f"--ca-file={path}", "--offline"],
            ):
                done = cli(*words)
                assert done.code == 2, words
                assert f"the CA file {path} cannot be used: {said}" in done.stderr
        assert acme.read_text() == before
        server = ["--server", "https://x", "--ca-file", str(ca_file)]
        assert cli("cluster", "add", "west", "--profile", "acme", *server).code == 0

    def test_a_server_without_https_is_refused(self, acme: Path, cli: Run) -> None:
        before = acme.read_text()
        done = cli("cluster", "add", "west", "--profile", "acme", "--server", "http://203.0.113.7:8080")
        assert (done.code, "clusters.west.server: must begin with https://" in done.stderr) == (2, True)
        assert acme.read_text() == before
        assert cli("cluster", "add", "west", "--profile", "acme", "--server", "http://localhost:8001").code == 0

    def test_a_name_that_is_taken(self, acme: Path, cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer) -> None:
        before = acme.read_text()
        assert config_at(issuer) == acme
        for words in (
            ["profile", "add", "acme", "--issuer", "acme", "--client-id", "x"],
            ["profile", "add", "ACME", "--issuer", "acme", "--client-id", "x"],
            ["profile", "add", "a/b", "--issuer", "acme", "--client-id", "x"],
            ["issuer", "add", "acme", "--url", "https://x", "--offline"],
            ["cluster", "add", "east", "--profile", "acme", "--server", "https://x"],
            ["cluster", "add", "west", "--profile", "nobody", "--server", "https://x"],
            ["cluster", "add", "west", "--profile", "acme", "--server", "x"],
        ):
            done = cli(*words)
            assert done.code == 2, words
        assert acme.read_text() == before


def test_a_bug_is_no_traceback_full_of_data(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a-secret-in-a-message")

    monkeypatch.setattr("togetherctl.config.files.read", broken)
    done = cli("status")
    assert done.code == 70
    assert "this is a bug in togetherctl (KeyError at test_command_line.py:" in done.stderr
    assert done.commands == ["togetherctl support"]
    assert "a-secret-in-a-message" not in cli("status", "-vv").stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_calm(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("togetherctl.config.files.read", interrupted)
    done = cli("status")
    assert (done.code, done.stderr) == (130, "\ninterrupted; what was done before stays\n")


def test_a_reader_that_goes_away_is_no_error(environ: dict[str, str]) -> None:
    script = f"{sys.executable} -m togetherctl config schema | head -c 1"
    done = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True, check=False, timeout=30)  # noqa: S607
    assert (done.stdout, done.stderr) == ("{", "")


@pytest.mark.parametrize(
    ("redirection", "code"), [(">&-", 0), ("2>&-", 0), ("<&-", 0), (">&- 2>&- <&-", 0), (">/dev/full", 1)]
)
@pytest.mark.parametrize("words", ["status -o json", "--help", "get-token --profile acme"])
def test_missing_and_full_streams_are_survived(
    words: str, redirection: str, code: int, acme: Path, make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    script = f"{sys.executable} -m togetherctl {words} {redirection}"
    done = subprocess.run(
        ["sh", "-c", script],  # noqa: S607
        env=dict(world.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code
    assert done.stderr == ("togetherctl: No space left on device\n" if code else "")
    assert acme.exists()


@pytest.mark.parametrize(
    ("words", "redirection", "code"),
    [
        ("get-token --profile acme", "2>/dev/full", 3),
        ("login nobody", "2>/dev/full", 2),
        ("login nobody", "2>&-", 2),
        ("login nobody -o json", "2>/dev/full", 2),
        ("status --colour", "2>/dev/full", 2),
        ("status nobody -o json", ">/dev/full", 2),
        ("status nobody -o json", ">/dev/full 2>/dev/full", 2),
        ("profile set acme margin=30", "2>/dev/full", 0),
        ("kubeconfig write -v", "2>/dev/full", 0),
    ],
)
def test_a_full_stream_changes_no_exit_code(
    words: str, redirection: str, code: int, environ: dict[str, str], acme: Path
) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m togetherctl {words} {redirection}"],  # noqa: S607
        env={**environ, "TOGETHERCTL_LOGIN": "never"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code
    assert done.stderr == (
        f"togetherctl: there is no profile nobody; known: acme, east (in {acme})\n  run: togetherctl profile list\n"
        if "2>" not in redirection
        else ""
    )


def test_a_full_stderr_does_not_stop_a_login(
    acme: Path, environ: dict[str, str], issuer: ScriptedIssuer, tmp_path: Path
) -> None:
    script = tmp_path / "browser.py"
    script.write_text(
        "import sys, urllib.request\n"
        "urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()\n"
    )
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m togetherctl login 2>/dev/full"],  # noqa: S607
        env={**environ, "TOGETHERCTL_BROWSER": f"{sys.executable} {script}"},
        check=False,
        timeout=60,
    )
    assert (done.returncode, issuer.counts["/token"]) == (0, 1)
    assert acme.exists()


@pytest.mark.parametrize(
    ("program", "shown"),
    [("togetherctl", "togetherctl"), ("kubectl-together_login", "kubectl together-login")],
)
def test_both_names_are_the_same_program(program: str, shown: str, environ: dict[str, str]) -> None:
    script = Path(sys.executable).parent / program
    done = subprocess.run([script, "--help"], env=environ, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"Usage: {shown} [OPTIONS] [COMMAND] [ARGS]..."


def test_colour_stays_out_of_pipes(cli: Run, acme: Path) -> None:
    assert acme.exists()
    for done in (cli("status"), cli("status", "nobody"), cli("profile", "show", "acme")):
        assert "\x1b" not in done.stdout + done.stderr


def test_a_proxy_password_is_shown_nowhere(acme: Path, cli: Run) -> None:
    assert cli("issuer", "set", "acme", "proxy=http://me:proxy-pass@proxy.example:3128").code == 0
    shown = [
        cli("issuer", "show", "acme").stdout,
        cli("issuer", "list", "-o", "json").stdout,
        cli("config", "show").stdout,
        cli("config", "show", "-o", "yaml").stdout,
    ]
    assert all("http://me:(hidden)@proxy.example:3128" in text for text in shown)
    assert "proxy-pass" not in "".join(shown)
    assert "proxy-pass" in acme.read_text()
    done = cli("cluster", "set", "east", "proxy_url=http://me:proxy-pass@proxy.example:3128")
    assert (done.code, "must hold no password" in done.stderr) == (2, True)
    acme.unlink()


@pytest.mark.usefixtures("acme")
def test_no_line_of_a_table_ends_in_blanks(environ: dict[str, str]) -> None:
    """On a terminal too, with a style behind the last cell."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "togetherctl", "cluster", "list"]
    with subprocess.Popen(words, env={**environ, "NO_COLOR": ""}, stdin=theirs, stdout=theirs, stderr=theirs) as shown:
        assert shown.wait(60) == 0
    os.close(theirs)
    lines = os.read(ours, 65536).decode().splitlines()
    os.close(ours)
    assert "NAME" in lines[0]
    assert len(lines) >= 2
    assert not [line for line in lines if re.search(r" (?:\x1b\[[0-9;]*m)*$", line)]


@pytest.mark.usefixtures("acme")
def test_the_version_says_what_the_shim_is(cli: Run) -> None:
    assert "shim_state   none: no script" in cli("version").stdout
    assert json.loads(cli("version", "-o", "json").stdout)["item"]["shim_state"] == "none"
    assert cli("kubeconfig", "write").code == 0
    assert cli("version").stdout.endswith("shim_state   current\n")
