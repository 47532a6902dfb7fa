"""`kubeconfig convert`: what it asks, what it leaves alone, how it ends, and the way back."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kubelogin.conftest import CORPUS
from tests.support.keyrings import InMemory, locked
from tests.support.terminal import terminal
from togetherctl.config.config import Config
from togetherctl.kube import kubeconfig as kubeconfig_module
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import Run, UseKeyring, WriteConfig
    from tests.support.canary import Canary

SECRET = "made-up-client-secret"
HEAD = "apiVersion: v1\nkind: Config\n"


def stanza(
    *arguments: str, command: str = "kubelogin", issuer: str = "https://id.acme.com", client: str = "k8s"
) -> str:
    words = ["get-token", f"--oidc-issuer-url={issuer}", f"--oidc-client-id={client}", *arguments]
    return json.dumps({"exec": {"command": command, "args": words}})


def written(**users: str) -> str:
    """A kubeconfig with a context and a cluster for each user."""
    lines = [HEAD, "clusters:\n", *(f"- {{name: {n}, cluster: {{server: https://{n}.acme.com}}}}\n" for n in users)]
    lines += ["contexts:\n", *(f"- {{name: {n}, context: {{cluster: {n}, user: {n}}}}}\n" for n in users)]
    return "".join([*lines, "users:\n", *(f"- {{name: {n}, user: {user}}}\n" for n, user in users.items())])


def profiles_of(path: Path) -> dict[str, str]:
    """The profile each user asks for now."""
    return {
        user["name"]: user["user"]["exec"]["args"][-1]
        for user in load(path.read_text())["users"]
        if user["user"]["exec"]["args"][:2] == ["get-token", "--profile"]
    }


@pytest.fixture
def secret(canary: Canary) -> str:
    return canary.watch("a client secret", SECRET)


def test_one_context_at_a_time(kubeconfig: Path, cli: Run) -> None:
    kubeconfig.write_text(written(east=stanza(client="one"), west=stanza(client="two")))
    unclear = cli("kubeconfig", "convert")
    assert unclear.code == 2
    assert "which stanza? There are 2, of the contexts east, west" in unclear.stderr
    assert cli("kubeconfig", "convert", "--context", "eats").stderr.startswith(
        "togetherctl: there is no context eats; did you mean east?"
    )
    assert cli("kubeconfig", "convert", "--context", "east", "--all").code == 2
    assert cli("kubeconfig", "convert", "--context", "west").code == 0
    assert profiles_of(kubeconfig) == {"west": "acme"}
    again = cli("kubeconfig", "convert", "--context", "west")
    assert (again.code, again.stderr) == (0, "Nothing to convert in ~/secrets/config.\n")
    assert cli("kubeconfig", "convert").code == 0, "the only one that is left"
    assert profiles_of(kubeconfig) == {"east": "east", "west": "acme"}


def test_a_context_that_stays_as_it_is_fails(kubeconfig: Path, cli: Run) -> None:
    kubeconfig.write_text(written(east=stanza("--no-such-flag")))
    before = kubeconfig.read_bytes()
    done = cli("kubeconfig", "convert", "--context", "east")
    assert (done.code, kubeconfig.read_bytes()) == (1, before)
    assert (
        "user east still runs kubelogin, because its flags cannot be read: unknown flag --no-such-flag" in done.stderr
    )


def test_it_calls_the_shim(kubeconfig: Path, cli: Run, home: Path) -> None:
    kubeconfig.write_text(written(east=stanza()))
    assert cli("kubeconfig", "convert").code == 0
    [user] = load(kubeconfig.read_text())["users"]
    shim = home / "tctl" / "state" / "shim" / "togetherctl"
    assert user["user"]["exec"]["command"] == str(shim)
    assert os.access(shim, os.X_OK)
    written_again = cli("kubeconfig", "write")
    assert written_again.code == 0, written_again.stderr
    [context] = load(kubeconfig.read_text())["contexts"]
    assert context["context"]["user"] == "togetherctl:acme"


def test_a_profile_of_the_config_is_used_again(
    kubeconfig: Path, cli: Run, write_config: WriteConfig, environ: dict[str, str]
) -> None:
    config_file = write_config(
        'version = 1\n\n[issuers.work]\nurl = "https://id.acme.com"\n\n'
        '[profiles.me]\nissuer = "work"\nclient_id = "k8s"\nscopes = ["openid"]\nmargin = 30\n'
        '[profiles.Acme]\nissuer = "work"\nclient_id = "other"\n'
    )
    kubeconfig.write_text(
        written(east=stanza(), west=stanza(client="another"), north=stanza("--oidc-use-access-token"))
    )
    done = cli("kubeconfig", "convert", "--all")
    assert done.code == 0, done.stderr
    assert profiles_of(kubeconfig) == {"east": "me", "west": "west", "north": "north"}
    assert "user west gets a profile called west, because the name acme is taken" in done.stderr
    loaded = Config.load(config_file, environ)
    assert [loaded.profile(name).issuer.name for name in ("me", "west", "north")] == ["work", "work", "work"]
    # The access token of the same session, for a cluster that takes those.
    assert loaded.profile("north").key == loaded.profile("me").key
    assert loaded.cluster("west").profile == "west"


def test_without_a_terminal_the_secret_needs_a_place(kubeconfig: Path, cli: Run, secret: str, home: Path) -> None:
    kubeconfig.write_text(written(east=stanza(f"--oidc-client-secret={secret}")))
    before = kubeconfig.read_bytes()
    refused = cli("kubeconfig", "convert")
    assert (refused.code, kubeconfig.read_bytes()) == (2, before)
    assert "the client secret of k8s at https://id.acme.com" in refused.stderr
    assert "say --secret with keyring, env:NAME or file:PATH" in refused.stderr
    assert not (home / "tctl" / "config.toml").exists()
    for wrong in ("keyring:x", "env:", "env:A-B", "file:", "vault", "", "literal:x"):
        assert cli("kubeconfig", "convert", f"--secret={wrong}").code == 2


def test_a_secret_goes_into_a_file(kubeconfig: Path, folder: Path, cli: Run, secret: str, home: Path) -> None:
    kubeconfig.write_text(written(east=stanza(f"--oidc-client-secret={secret}")))
    taken = folder / "taken"
    taken.write_text("something else\n")
    assert "holds something else already" in cli("kubeconfig", "convert", "--secret", f"file:{taken}").stderr
    assert secret in kubeconfig.read_text()
    done = cli("kubeconfig", "convert", "--secret", "file:~/secrets/client")
    assert done.code == 0, done.stderr
    kept = folder / "client"
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (f"{secret}\n", 0o600)
    assert '{file = "~/secrets/client"}' in (home / "tctl" / "config.toml").read_text()
    assert secret not in kubeconfig.read_text()
    assert "It still holds the client secret" in done.stderr


def test_a_secret_goes_into_a_variable(
    kubeconfig: Path, cli: Run, secret: str, home: Path, environ: dict[str, str]
) -> None:
    kubeconfig.write_text(written(east=stanza("--oidc-client-secret", secret)))
    done = cli("kubeconfig", "convert", "--secret", "env:ACME_SECRET")
    assert done.code == 0
    assert "set ACME_SECRET to the client secret before the next kubectl" in done.stderr
    write_config = Config.load(home / "tctl" / "config.toml", {**environ, "ACME_SECRET": secret})
    read = write_config.profile("acme").secret
    assert read is not None
    assert read() == secret


def test_a_secret_goes_into_the_keyring(kubeconfig: Path, cli: Run, secret: str, use_keyring: UseKeyring) -> None:
    keyring = InMemory()
    use_keyring(keyring)
    kubeconfig.write_text(written(a=stanza("--oidc-client-secret", secret), b=stanza(f"--oidc-client-secret={secret}")))
    assert cli("kubeconfig", "convert", "--all", "--secret", "keyring").code == 0
    assert list(keyring.kept.values()) == [secret]
    assert profiles_of(kubeconfig) == {"a": "acme", "b": "acme"}


def test_a_keyring_that_refuses_changes_nothing(
    kubeconfig: Path, cli: Run, secret: str, use_keyring: UseKeyring, home: Path
) -> None:
    use_keyring(locked())
    kubeconfig.write_text(written(a=stanza("--oidc-client-secret", secret)))
    before = kubeconfig.read_bytes()
    assert cli("kubeconfig", "convert", "--secret", "keyring").code == 6
    assert kubeconfig.read_bytes() == before
    assert not (home / "tctl" / "config.toml").exists()


def test_two_clients_do_not_fit_into_one_file(kubeconfig: Path, folder: Path, cli: Run, secret: str) -> None:
    kubeconfig.write_text(
        written(a=stanza(f"--oidc-client-secret={secret}"), b=stanza(f"--oidc-client-secret={secret}", client="other"))
    )
    done = cli("kubeconfig", "convert", "--all", "--secret", f"file:{folder / 'one'}")
    assert done.code == 2
    assert "there are 2 client secrets, and one file holds one" in done.stderr


def test_another_secret_of_the_same_client_is_left_where_it_is(
    kubeconfig: Path, folder: Path, cli: Run, secret: str
) -> None:
    kubeconfig.write_text(
        written(a=stanza(f"--oidc-client-secret={secret}"), b=stanza("--oidc-client-secret=made-up-other-secret"))
    )
    done = cli("kubeconfig", "convert", "--all", "--secret", f"file:{folder / 'one'}")
    assert done.code == 0
    assert profiles_of(kubeconfig) == {"a": "acme"}
    assert "because it has another client secret than the one before it that became profile acme" in done.stderr


def test_the_secret_of_the_environment_stays_there(kubeconfig: Path, cli: Run, home: Path, secret: str) -> None:
    kubeconfig.write_text(
        written(
            ours=stanza(command="kubectl-together_login"),
            public=stanza("--oidc-pkce-method=S256", command="kubectl-together_login", client="public"),
            theirs=stanza(client="theirs"),
        )
    )
    done = cli("kubeconfig", "convert", "--all", OIDC_CLIENT_SECRET=secret)
    assert done.code == 0, done.stderr
    assert "user ours reads its client secret from OIDC_CLIENT_SECRET, as before" in done.stderr
    text = (home / "tctl" / "config.toml").read_text()
    assert text.count('client_secret = {env = "OIDC_CLIENT_SECRET"}') == 1


def test_a_person_is_asked_where_the_secret_goes(
    kubeconfig: Path, secret: str, environ: dict[str, str], canary: Canary, folder: Path
) -> None:
    kubeconfig.write_text(written(a=stanza(f"--oidc-client-secret={secret}")))
    words = [sys.executable, "-m", "togetherctl", "kubeconfig", "convert"]
    with terminal(words, environ, folder, columns=200) as opened:
        opened.until("In a file of its own")
        for key in ("Down", "Down", "Enter"):
            opened.press(key)
        opened.until("Which file?")
        opened.paste(str(folder / "client"))
        opened.until(
            f"The client secret of k8s at https://id.acme.com moves from the kubeconfig to {folder / 'client'}."
        )
        opened.until("Convert this?")
        assert secret in kubeconfig.read_text()
        opened.press("Enter")
        opened.until("ended with 0")
        canary.saw("the terminal", opened.everything())
    assert (folder / "client").read_text() == f"{secret}\n"
    assert profiles_of(kubeconfig) == {"a": "acme"}


def test_the_dry_run_hides_secrets(kubeconfig: Path, cli: Run, canary: Canary) -> None:
    env = [{"name": "HTTPS_PROXY", "value": "http://me:made-up-proxy-password@proxy:3128"}]
    first = json.loads(stanza("--oidc-client-secret", SECRET, "--oidc-request-header=X-Key=made-up-header-value"))
    first["exec"]["env"] = env
    for value in (SECRET, "made-up-proxy-password", "made-up-header-value", "made-up-token", "made-up-other"):
        canary.watch("a secret", value)
    other = json.dumps({"exec": {"command": "aws", "args": ["--password", "made-up-other"]}, "token": "made-up-token"})
    kubeconfig.write_text(written(a=json.dumps(first), b=other))
    done = cli("kubeconfig", "convert", "--all", "--dry-run")
    assert done.code == 0
    assert "(hidden)" in done.stdout
    assert '+proxy = "http://me:(hidden)@proxy:3128"' in done.stdout
    assert '+request_headers = {X-Key = "(hidden)"}' in done.stdout
    assert "made-up-proxy-password" in kubeconfig.read_text()
    kubeconfig.unlink()


def test_several_files_are_read_as_kubectl_does(folder: Path, cli: Run, environ: dict[str, str]) -> None:
    first, second, third = folder / "first", folder / "second", folder / "none"
    first.write_text(HEAD + f"users:\n- {{name: me, user: {stanza()}}}\n")
    second.write_text(written(me=stanza(client="hidden-by-the-first"), other=json.dumps({"token": "x"})))
    environ["KUBECONFIG"] = os.pathsep.join(map(str, (third, first, second)))
    done = cli("kubeconfig", "convert", "--all")
    assert done.code == 0, done.stderr
    assert profiles_of(first) == {"me": "acme"}
    [hidden, _] = load(second.read_text())["users"]
    assert hidden["user"]["exec"]["args"][-1] == "me"
    # The context is in the second file; its user is the first file's.
    [context, _] = load(second.read_text())["contexts"]
    assert context["context"]["extensions"][0]["extension"] == {"cluster": "me", "profile": "acme"}
    assert not third.exists()
    assert cli("kubeconfig", "convert", "--revert").code == 0
    assert "kubelogin" in first.read_text()
    assert "hidden-by-the-first" in second.read_text()


# Going back


def test_the_way_back(kubeconfig: Path, folder: Path, cli: Run, home: Path, write_config: WriteConfig) -> None:
    config_file = write_config("# mine\nversion = 1\n")
    original = (CORPUS / "crlf.yaml").read_bytes()
    kubeconfig.write_bytes(original)
    kubeconfig.chmod(0o640)
    assert cli("kubeconfig", "convert").code == 0
    backup = folder / "config.before-togetherctl"
    assert (backup.read_bytes(), stat.S_IMODE(backup.stat().st_mode)) == (original, 0o600)
    copy = config_file.with_name("config.toml.before-togetherctl")
    assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == ("# mine\nversion = 1\n", 0o600)
    [item] = json.loads((home / "tctl" / "state" / "conversions.json").read_text())["conversions"]
    assert (item["kubeconfig"], item["backup"], item["store"]) == (str(kubeconfig), str(backup), str(copy))
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o640

    reverted = cli("kubeconfig", "convert", "--revert")
    assert reverted.code == 0, reverted.stderr
    assert (kubeconfig.read_bytes(), stat.S_IMODE(kubeconfig.stat().st_mode)) == (original, 0o640)
    assert not backup.exists()
    assert "profiles.acme" in config_file.read_text()
    nothing = cli("kubeconfig", "convert", "--revert")
    assert (nothing.code, "no conversion of" in nothing.stderr) == (2, True)

    again = cli("kubeconfig", "convert")
    assert again.code == 0
    assert profiles_of(kubeconfig) == {"oidc": "acme"}


def test_what_changed_since_is_not_lost_by_going_back(kubeconfig: Path, cli: Run) -> None:
    original = written(a=stanza())
    kubeconfig.write_text(original)
    assert cli("kubeconfig", "convert").code == 0
    kubeconfig.write_text(kubeconfig.read_text() + "# mine\n")
    refused = cli("kubeconfig", "convert", "--revert")
    assert refused.code == 7
    assert "has changed since it was converted" in refused.stderr
    assert kubeconfig.read_text().endswith("# mine\n")
    assert cli("kubeconfig", "convert", "--revert", "--force").code == 0
    assert kubeconfig.read_text() == original
    for wrong in ("--all", "--dry-run", "--secret=keyring", "--context=a", "--import-cache"):
        assert cli("kubeconfig", "convert", "--revert", wrong).code == 2
    assert cli("kubeconfig", "convert", "--force").code == 2


def test_conversions_are_undone_one_by_one(kubeconfig: Path, cli: Run, folder: Path) -> None:
    original = written(a=stanza(), b=stanza(client="two"))
    kubeconfig.write_text(original)
    assert cli("kubeconfig", "convert", "--context", "a").code == 0
    half = kubeconfig.read_text()
    assert cli("kubeconfig", "convert", "--context", "b").code == 0
    assert (folder / "config.before-togetherctl-2").read_text() == half
    assert cli("kubeconfig", "convert", "--revert").code == 0
    assert kubeconfig.read_text() == half
    assert cli("kubeconfig", "convert", "--revert").code == 0
    assert kubeconfig.read_text() == original


def test_a_link_is_followed_and_stays(kubeconfig: Path, folder: Path, cli: Run) -> None:
    target = folder / "dotfiles" / "kube"
    target.parent.mkdir()
    target.write_text(written(a=stanza()))
    kubeconfig.symlink_to(target)
    assert cli("kubeconfig", "convert").code == 0
    assert kubeconfig.is_symlink()
    assert profiles_of(target) == {"a": "acme"}
    assert (folder / "config.before-togetherctl").exists()
    assert cli("kubeconfig", "convert", "--revert").code == 0
    assert kubeconfig.is_symlink()
    assert profiles_of(target) == {}


# Trouble


def test_a_held_lock_changes_nothing(
    kubeconfig: Path, cli: Run, monkeypatch: pytest.MonkeyPatch, home: Path, folder: Path
) -> None:
    monkeypatch.setattr(kubeconfig_module, "LOCK_SECONDS", 0.3)
    kubeconfig.write_text(written(a=stanza()))
    before = kubeconfig.read_bytes()
    (folder / "config.lock").touch()
    assert cli("kubeconfig", "convert").code == 7
    assert kubeconfig.read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["config", "config.lock"]
    assert not (home / "tctl" / "config.toml").exists()


def test_a_file_that_is_read_only_changes_nothing(
    kubeconfig: Path, cli: Run, monkeypatch: pytest.MonkeyPatch, home: Path, folder: Path
) -> None:
    kubeconfig.write_text(written(a=stanza()))
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    done = cli("kubeconfig", "convert")
    assert done.code == 7
    assert "is read-only" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["config"]
    assert not (home / "tctl" / "config.toml").exists()


def test_a_config_that_is_wrong_changes_no_kubeconfig(
    kubeconfig: Path, cli: Run, write_config: WriteConfig, folder: Path
) -> None:
    write_config("version = 1\n[profiles.a]\nclient_id = 7\n")
    kubeconfig.write_text(written(a=stanza()))
    before = kubeconfig.read_bytes()
    assert cli("kubeconfig", "convert").code == 2
    assert kubeconfig.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["config"]


@pytest.mark.parametrize("writes", range(1, 9))
def test_killed_between_writes(
    writes: int, kubeconfig: Path, secret: str, environ: dict[str, str], home: Path, cli: Run, folder: Path
) -> None:
    """However far it came:

    the old file or the new one, a configuration that knows every profile, and a second run ends it.
    """
    original = written(a=stanza(f"--oidc-client-secret={secret}"), b=stanza(client="two"))
    kubeconfig.write_text(original)
    script = f"""
import os, signal, sys
from pathlib import Path
from togetherctl import disk
from togetherctl.commands.run import run
left = {writes}
real = Path.replace
def replace(self, target):
    global left
    left -= "cache" not in self.parts
    if left == 0 and "cache" not in self.parts:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.replace = replace
sys.exit(run(sys.argv[1:], os.environ))
"""
    words = ["kubeconfig", "convert", "--all", "--no-shim", "--secret", f"file:{folder / 'client'}"]
    cut = subprocess.run([sys.executable, "-c", script, *words], env=environ, check=False, timeout=60)
    if cut.returncode == 0:
        assert writes > 5
    else:
        assert cut.returncode == -signal.SIGKILL
    config_file = home / "tctl" / "config.toml"
    named = profiles_of(kubeconfig)
    if kubeconfig.read_text() != original:
        assert named == {"a": "acme", "b": "b"}
    assert set(named.values()) <= set(Config.load(config_file, environ).table.profiles)
    done = cli(*words)
    assert done.code == 0, done.stderr
    assert profiles_of(kubeconfig) == {"a": "acme", "b": "b"}
    assert list(Config.load(config_file, environ).table.profiles) == ["acme", "b"]
    assert (folder / "client").read_text() == f"{secret}\n"
    assert cli("kubeconfig", "convert", "--revert").code == 0
    assert kubeconfig.read_text() == original
