"""Reading kubelogin's command line: what pflag takes is taken, what it refuses is said."""

from __future__ import annotations

from dataclasses import fields

import pytest

from togetherctl.errors import UsageError
from togetherctl.kubelogin.flag_table import FLAGS, LOG_SWITCHES, LOG_VALUES, flags_of
from togetherctl.kubelogin.flags import Flags, parse

# `kubelogin get-token --help` of 1.36, and the two flags it hides or has given up.
GET_TOKEN = {
    "oidc-issuer-url",
    "oidc-client-id",
    "oidc-client-secret",
    "oidc-redirect-url",
    "oidc-extra-scope",
    "oidc-use-access-token",
    "oidc-request-header",
    "force-refresh",
    "token-cache-dir",
    "token-cache-storage",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-renegotiation-once",
    "tls-renegotiation-freely",
    "oidc-pkce-method",
    "grant-type",
    "listen-address",
    "skip-open-browser",
    "browser-command",
    "authentication-timeout-sec",
    "local-server-cert",
    "local-server-key",
    "open-url-after-authentication",
    "oidc-auth-request-extra-params",
    "username",
    "password",
    "oidc-use-pkce",
    "oidc-redirect-url-hostname",
}
NOT_IN_SETUP = {"force-refresh", "token-cache-dir", "token-cache-storage"}
STANDALONE = {
    "kubeconfig",
    "context",
    "user",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-renegotiation-once",
    "tls-renegotiation-freely",
    "grant-type",
    "listen-address",
    "skip-open-browser",
    "browser-command",
    "authentication-timeout-sec",
    "local-server-cert",
    "local-server-key",
    "open-url-after-authentication",
    "oidc-auth-request-extra-params",
    "username",
    "password",
    "oidc-redirect-url-hostname",
}


def test_every_command_has_the_flags_it_has_in_kubelogin() -> None:
    assert set(flags_of("get-token")) == GET_TOKEN
    assert set(flags_of("setup")) == GET_TOKEN - NOT_IN_SETUP
    assert set(flags_of("standalone")) == STANDALONE
    assert set(flags_of("clean")) == {"token-cache-dir"}
    assert {flag.field for flag in FLAGS} == {field.name for field in fields(Flags)} - {"v", "help", "typed"}


def test_the_defaults_are_kubelogins() -> None:
    flags = parse([])
    assert flags == Flags()
    assert (flags.grant_type, flags.oidc_pkce_method, flags.token_cache_storage) == ("auto", "auto", "disk")
    assert flags.listen_address == ("127.0.0.1:8000", "127.0.0.1:18000")
    assert (flags.authentication_timeout_sec, flags.oidc_extra_scope, flags.oidc_request_header) == (180, (), {})


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--oidc-issuer-url=https://a.example/?x=y"], "oidc_issuer_url", "https://a.example/?x=y"),
        (["--oidc-issuer-url", "https://a.example"], "oidc_issuer_url", "https://a.example"),
        (["--oidc-client-id", "--odd"], "oidc_client_id", "--odd"),
        (["--oidc-client-id=first", "--oidc-client-id=last"], "oidc_client_id", "last"),
        (["--oidc-client-id="], "oidc_client_id", ""),
        (["--skip-open-browser"], "skip_open_browser", True),
        (["--skip-open-browser=false"], "skip_open_browser", False),
        (["--skip-open-browser", "--skip-open-browser=F"], "skip_open_browser", False),
        (["--force-refresh=1"], "force_refresh", True),
        (["--oidc-use-pkce"], "oidc_use_pkce", True),
        (["--authentication-timeout-sec=0x10"], "authentication_timeout_sec", 16),
        (["--authentication-timeout-sec", "60"], "authentication_timeout_sec", 60),
        (["--oidc-extra-scope=email,profile"], "oidc_extra_scope", ("email", "profile")),
        (["--oidc-extra-scope", "email", "--oidc-extra-scope=a,b"], "oidc_extra_scope", ("email", "a", "b")),
        (['--oidc-extra-scope="a,b",c'], "oidc_extra_scope", ("a,b", "c")),
        (['--oidc-extra-scope="say ""a"""'], "oidc_extra_scope", ('say "a"',)),
        (["--oidc-extra-scope="], "oidc_extra_scope", ()),
        (["--oidc-extra-scope=a,"], "oidc_extra_scope", ("a", "")),
        (["--listen-address=127.0.0.1:1"], "listen_address", ("127.0.0.1:1",)),
        (["--listen-address="], "listen_address", ()),
        (["--certificate-authority=a,b", "--certificate-authority=c"], "certificate_authority", ("a,b", "c")),
        (["--oidc-request-header=Origin=localhost"], "oidc_request_header", {"Origin": "localhost"}),
        (["--oidc-request-header=A=b,c"], "oidc_request_header", {"A": "b,c"}),
        (["--oidc-request-header=A=b,C=d"], "oidc_request_header", {"A": "b", "C": "d"}),
        (['--oidc-request-header="A=b=c,d"'], "oidc_request_header", {"A": "b=c,d"}),
        (['--oidc-request-header="A=b"'], "oidc_request_header", {"A": "b"}),
        (
            ["--oidc-auth-request-extra-params", "ttl=86400", "--oidc-auth-request-extra-params=reauth=false"],
            "oidc_auth_request_extra_params",
            {"ttl": "86400", "reauth": "false"},
        ),
        (["--oidc-auth-request-extra-params=a="], "oidc_auth_request_extra_params", {"a": ""}),
        (["-v1"], "v", 1),
        (["-v=2"], "v", 2),
        (["-v", "3"], "v", 3),
        (["--v=4"], "v", 4),
        (["--v", "5"], "v", 5),
        (["-vv"], "v", 2),
        (["--help"], "help", True),
        (["-h"], "help", True),
        (["--password", "-h"], "password", "-h"),
        (["--username=me", "--"], "username", "me"),
    ],
)
def test_values_are_read_as_pflag_reads_them(words: list[str], field: str, value: object) -> None:
    assert getattr(parse(words), field) == value


def test_the_flags_of_the_log_do_nothing() -> None:
    words = [word for name in sorted(LOG_SWITCHES) for word in (f"--{name}", f"--{name}=false")]
    words += [word for name in sorted(LOG_VALUES) for word in (f"--{name}=x", f"--{name}", "--username")]
    assert parse(words) == Flags()
    assert len(LOG_SWITCHES | LOG_VALUES) == 14


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--oidc-issuer=x"], "unknown flag --oidc-issuer; did you mean --oidc-issuer-url?"),
        (["--skip-open-browsr"], "unknown flag --skip-open-browsr; did you mean --skip-open-browser?"),
        (["--kubeconfig=x"], "--kubeconfig is a flag of standalone, not of this command"),
        (["--zzzzzz"], "unknown flag --zzzzzz"),
        (["-x"], "unknown flag -x"),
        (["--oidc-client-id"], "--oidc-client-id needs a value"),
        (["--log_dir"], "--log_dir needs a value"),
        (["-v"], "-v needs a value"),
        (["-vmuch"], "-v must be a whole number"),
        (["--skip-open-browser=yes"], "--skip-open-browser must be true or false"),
        (["--authentication-timeout-sec=3m"], "--authentication-timeout-sec must be a whole number"),
        (["--grant-type=implicit"], "--grant-type must be one of auto, authcode, authcode-keyboard, password, "),
        (["--oidc-pkce-method=plain"], "--oidc-pkce-method must be one of auto, no, S256"),
        (["--token-cache-storage=memory"], "--token-cache-storage must be one of disk, keyring, none"),
        (["--oidc-request-header=Origin"], "--oidc-request-header must look like KEY=VALUE"),
        (["--oidc-request-header=A=b,C,D=e"], "--oidc-request-header must look like KEY=VALUE"),
        (['--oidc-extra-scope=a"b'], "--oidc-extra-scope has a quote in a place where none may be"),
        (['--oidc-extra-scope="a'], "--oidc-extra-scope has a quote in a place where none may be"),
        (["--skip-open-browser", "true"], "a word after --skip-open-browser that is not a flag"),
        (["setup"], "there is a word that is not a flag"),
        (["--", "x"], "there is a word that is not a flag"),
    ],
)
def test_what_kubelogin_refuses_is_one_sentence(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(words)
    assert said in refused.value.message
    assert "\n" not in refused.value.message


def test_a_secret_that_went_astray_is_not_shown() -> None:
    with pytest.raises(UsageError) as refused:
        parse(["--oidc-client-secret", "=", "hush-hush"])
    assert "hush" not in refused.value.sentence()
    assert "--oidc-client-secret" in refused.value.message


SECRETS = ["--oidc-client-secret=hush", "--password=sesame", "--oidc-request-header=Authorization=key"]


def test_words_say_the_same_once_more() -> None:
    words = [
        "--oidc-issuer-url=https://a.example",
        '--oidc-extra-scope="a,b"',
        '--oidc-extra-scope="say ""c"""',
        '--oidc-auth-request-extra-params="a=b=c,d"',
        "--oidc-auth-request-extra-params=e=f,g",
        "--certificate-authority=a,b",
        "--skip-open-browser",
        "--oidc-use-pkce=false",
        "--authentication-timeout-sec=60",
        *SECRETS,
    ]
    flags = parse(words)
    assert flags.words(secrets=True) == words
    assert parse(flags.words(secrets=True)) == flags


def test_neither_words_nor_a_repr_show_a_secret() -> None:
    flags = parse(SECRETS)
    assert flags.words() == ["--oidc-client-secret=SECRET", "--oidc-request-header=Authorization=VALUE"]
    assert not [secret for secret in ("hush", "sesame", "key'") if secret in repr(flags)]
