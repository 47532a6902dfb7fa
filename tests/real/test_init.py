"""A newcomer at a terminal of 80x24: from the kubeconfig an admin sent to a working kubectl, screen by screen."""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.conftest import Real, watched
from tests.support.programs import need
from tests.support.provider import CLIENT_ID
from tests.support.terminal import Terminal, terminal

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer

INIT = (sys.executable, "-m", "togetherctl", "init")


@dataclass(frozen=True)
class Newcomer:
    """Somebody with an empty home beside a provider and an API server, and the files somebody sent them."""

    open: Callable[..., Terminal]
    environ: dict[str, str]
    folder: Path

    @property
    def files(self) -> list[Path]:
        """What `init` writes and a Ctrl-C leaves alone: everything of ours, whatever it is called."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def kubectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [need("kubectl"), *words], env=self.environ, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def newcomer(real: Real, home: Path, tmp_path: Path, canary: Canary) -> Iterator[Newcomer]:
    folder = home / "me"
    folder.mkdir()
    changed = {"TOGETHERCTL_HOME": str(folder / "tctl"), "KUBECONFIG": str(folder / "kubeconfig")}
    environ = {**real.environ, **changed, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    del environ["COLUMNS"]
    opened: list[Terminal] = []
    with ExitStack() as stack:

        def start(*words: str, **changes: str) -> Terminal:
            chosen = {name: value for name, value in {**environ, **changes}.items() if value}
            place = tmp_path / f"window-{len(opened)}"
            place.mkdir()
            opened.append(stack.enter_context(terminal([*INIT, *words], chosen, place)))
            return opened[-1]

        yield Newcomer(start, environ, folder)
        watched(folder, canary)
        for window in opened:
            canary.saw("the terminal", window.everything())


@pytest.fixture
def sent(real: Real, home: Path) -> Path:
    """The kubeconfig that an admin sent: two clusters, one of which is away, and one that cannot be taken."""
    ca_file = real.home.parent / "secrets" / "ca.crt"
    path = home / "oidc.yaml"
    path.write_text(
        f"""# for you
clusters:
- name: h100
  cluster: {{server: {real.api_server.url}, certificate-authority: {ca_file}}}
- name: old
  cluster: {{server: "https://127.0.0.1:9"}}
contexts:
- name: h100
  context: {{cluster: h100, user: oidc}}
- name: old
  context: {{cluster: old, user: oidc}}
- name: lost
  context: {{cluster: gone, user: oidc}}
users:
- name: oidc
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubectl-together_login
      args:
      - get-token
      - --oidc-issuer-url={real.issuer}
      - --oidc-client-id={CLIENT_ID}
      - --oidc-extra-scope=email,groups
      - --oidc-auth-request-extra-params=prompt=consent
"""
    )
    return path


@pytest.mark.parametrize("plain", ["", "1"], ids=["colour", "no colour"])
def test_from_a_kubeconfig_to_pods(plain: str, newcomer: Newcomer, sent: Path) -> None:
    window = newcomer.open(NO_COLOR=plain)
    screen = window.until("I know the issuer, the client ID and the API server")
    assert screen.splitlines()[:2] == [
        "? Where do your clusters come from? (arrow keys, Enter)",
        " » Together AI, by your API key",
    ]
    assert ("\x1b[" in window.screen(styled=True).replace("\x1b[0m", "")) or plain
    window.press("Down")
    window.press("Enter")
    window.until("Where is it?")
    window.paste(str(sent.parent / "gone.yaml"))
    window.until("there is no file or folder")
    window.press("C-u")
    window.paste(str(sent))

    screen = window.until("Which clusters?")
    assert "lost cannot be taken, because it names a cluster that is not in the file." in screen
    assert " » ● h100  127.0.0.1:" in screen
    window.press("Down")
    window.press("Space")
    window.until("○ old")
    window.press("Enter")
    window.until("What should this login be called? localhost")
    window.press("Enter")
    window.until("kubectl has no current context yet. Make h100 the current one?")
    window.press("Enter")

    screen = window.until("Write this?")
    assert "new issuer localhost, profile localhost, cluster h100" in " ".join(screen.split())
    assert "context h100; it becomes the current one" in screen, "the lines that matter are in sight"
    assert "current-context" not in window.everything(), "a long difference waits for d"
    assert [path for path in newcomer.files if "cache" not in path.parts] == []
    window.press("d")
    window.press("Enter")
    screen = window.until("+[issuers.localhost]")
    assert '+url = "http://localhost:' in screen
    window.press("q")
    window.until("show the difference) d")
    window.press("y")
    window.press("Enter")

    screen = window.until("ended with")
    assert "ended with 0" in screen
    said = screen.splitlines()
    summary = said.index(next(line for line in said if line.startswith("  h100  you are me@example.com")))
    assert said[summary + 1 : summary + 3] == ["", "  kubectl get pods"]
    pods = newcomer.kubectl("get", "pods", "-o", "name")
    assert (pods.returncode, "pod/notebook" in pods.stdout) == (0, True), pods.stderr


def test_again_with_what_is_new(newcomer: Newcomer, sent: Path) -> None:
    first = newcomer.open(str(sent), "--clusters", "h100", "--yes")
    assert "ended with 0" in first.until("ended with")
    window = newcomer.open(str(sent))
    window.until("Which clusters?")
    window.press("Enter")
    window.until("as the API server of cluster old. Is that right?")
    window.press("y")
    window.press("Enter")
    window.until("Write this?")
    assert "new cluster old" in window.everything()
    window.press("n")
    window.press("Enter")
    assert "Nothing was changed." in window.until("ended with 1")


def test_no_at_the_end_changes_nothing(newcomer: Newcomer, sent: Path) -> None:
    window = newcomer.open(str(sent), "--clusters", "h100")
    window.until("What should this login be called?")
    window.press("Enter")
    window.until("Make h100 the current one?")
    window.press("n")
    window.press("Enter")
    window.until("Write this?")
    assert "current-context" not in window.everything()
    window.press("n")
    window.press("Enter")
    assert "Nothing was changed." in window.until("ended with 1")
    assert not newcomer.files


QUESTIONS = [
    ([], ["Where do your clusters come from?"], []),
    ([], ["Where do your clusters", "Where is it?"], ["Down Enter"]),
    ([], ["Where do your clusters", "An API key of Together AI is needed"], ["Enter"]),
    ([], ["Where do your clusters", "The URL of the issuer"], ["Down Down Enter"]),
    (["--issuer-url", "ISSUER"], ["The client ID registered there:"], []),
    (["--issuer-url", "ISSUER", "--client-id", "k8s"], ["What now?"], []),
    (["--issuer-url", "ISSUER", "--client-id", CLIENT_ID], ["The API server's URL:"], []),
    (["SENT"], ["Which clusters?"], []),
    (["SENT", "--clusters", "h100"], ["What should this login be called?"], []),
    (["SENT", "--clusters", "h100", "--profile-name", "lab"], ["Make h100 the current one?"], []),
    (
        ["SENT", "--profile-name", "lab"],
        ["Which clusters?", "Which cluster should be the current context of kubectl?"],
        ["Enter"],
    ),
    (["SENT", "--clusters", "h100", "--profile-name", "lab"], ["Make h100 the current", "Write this?"], ["Enter"]),
    (["SECRET", "--clusters", "h100"], ["Where should it go?"], []),
    (["BUNDLE"], ["east.acme.com would get tokens of client k8s"], []),
]


@pytest.mark.parametrize(("words", "seen", "keys"), QUESTIONS, ids=[question[1][-1] for question in QUESTIONS])
def test_ctrl_c_at_a_question(
    words: list[str], seen: list[str], keys: list[str], newcomer: Newcomer, sent: Path, real: Real
) -> None:
    """It ends with 130 and changes nothing, at whichever question it comes."""
    kubeconfig, config = Path(newcomer.environ["KUBECONFIG"]), newcomer.folder / "tctl" / "config.toml"
    kubeconfig.write_text("# mine\n")
    config.parent.mkdir(mode=0o700)
    login = '[issuers.acme]\nurl = "https://acme.okta.com"\n[profiles.acme]\nissuer = "acme"\nclient_id = "k8s"\n'
    mine = f"# mine\nversion = 1\n{login if 'BUNDLE' in words else ''}"
    config.write_text(mine)
    before = newcomer.files
    secret = sent.with_name("secret.yaml")
    secret.write_text(sent.read_text().replace("--oidc-extra-scope=email,groups", "--oidc-client-secret=hush"))
    bundle = sent.with_name("team.toml")
    bundle.write_text(f'version = 1\n{login}[clusters.east]\nprofile = "acme"\nserver = "https://east.acme.com"\n')
    stand_for = {"SENT": str(sent), "SECRET": str(secret), "BUNDLE": str(bundle), "ISSUER": real.issuer}
    window = newcomer.open(*(stand_for.get(word, word) for word in words))
    for at, text in enumerate(seen):
        window.until(text)
        for key in keys[at].split() if at < len(keys) else []:
            window.press(key)
    window.press("C-c")
    screen = window.until("ended with")
    assert "interrupted; nothing was written\nended with 130" in screen, screen
    assert "Traceback" not in window.everything()
    assert kubeconfig.read_text() == "# mine\n"
    assert config.read_text() == mine
    assert [path for path in newcomer.files if path not in before and "cache" not in path.parts] == []


def test_ctrl_c_at_the_login_leaves_what_was_written(newcomer: Newcomer, sent: Path) -> None:
    window = newcomer.open(str(sent), "--clusters", "h100", "--yes", TOGETHERCTL_BROWSER="true")
    window.until("Ctrl-C cancels")
    window.press("C-c")
    screen = window.until("ended with 130")
    assert "togetherctl login localhost" in screen
    assert newcomer.kubectl("config", "get-contexts", "-o", "name").stdout == "h100\n"


def answer(window: Terminal, question: str, typed: str = "") -> None:
    """Wait for a question and answer it in place of what it proposes; Enter alone without an answer."""
    window.until(question)
    if typed:
        window.press("C-u")
        window.paste(typed)
    else:
        window.press("Enter")


def choose(window: Terminal, question: str, answer: str) -> None:
    """Go down in a list to the answer, and take it."""
    window.until(question)
    for _ in range(4):
        if any(line.startswith(f" » {answer}") for line in window.screen().splitlines()):
            break
        window.press("Down")
        time.sleep(0.3)
    window.until(f"» {answer}")
    window.press("Enter")


def written(newcomer: Newcomer) -> list[str]:
    """The files that are there, apart from what a look at an issuer leaves in the cache."""
    return [path.name for path in newcomer.files if "cache" not in path.parts]


def test_a_keyring_that_does_not_work_is_asked_again(newcomer: Newcomer, sent: Path) -> None:
    sent.write_text(sent.read_text().replace("--oidc-extra-scope=email,groups", "--oidc-client-secret=hush"))
    window = newcomer.open(
        str(sent), "--no-login", PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring", LC_ALL="C.UTF-8"
    )
    window.until("Which clusters?")
    window.press("Down")
    window.press("Space")
    window.until("○ old")
    window.press("Enter")
    choose(window, "Where should it go?", "In this system's keyring")
    screen = window.until("this machine has none that works here")
    assert "Write this?" not in screen, "it is tried when it is chosen"
    choose(window, " » In a file of its own", "In a file of its own")
    answer(window, "Which file?", str(newcomer.folder / "client-secret"))
    answer(window, "What should this login be called?", "lab")
    answer(window, "Make h100 the current one?")
    assert written(newcomer) == []
    answer(window, "Write this?", "y")
    window.until("ended with 0")
    assert window.everything().count("Which clusters?") == 1, "the answers before it are kept"
    assert (newcomer.folder / "client-secret").read_text().strip() == "hush"
    config = tomllib.loads((newcomer.folder / "tctl" / "config.toml").read_text())
    assert (list(config["profiles"]), list(config["clusters"])) == (["lab"], ["h100"])


def test_an_issuer_with_an_unknown_authority(
    newcomer: Newcomer, tls_issuer: ScriptedIssuer, ca_file: Path, tmp_path: Path
) -> None:
    """Its CA file is asked for, and it is looked at again without another question."""
    window = newcomer.open("--client-id", "kubernetes", "--server", "https://127.0.0.1:9")
    answer(window, "The URL of the issuer for the cluster:", tls_issuer.url)
    screen = window.until("A PEM file with the CA of the issuer")
    assert "cannot be verified" in screen
    assert "trying again" not in screen, "a certificate that was refused is refused again"
    window.paste(str(tmp_path / "nowhere.pem"))
    window.until("the CA file cannot be read: No such file")
    answer(window, "the CA file cannot be read", str(ca_file))
    screen = window.until("It is there.")
    _, _, after = window.everything().partition("A PEM file with the CA of the issuer")
    assert "The URL of the issuer" not in after
    assert window.everything().count(f"Looking at the issuer {tls_issuer.url}") == 2
    window.until("What now?")
    window.press("C-c")
    window.until("ended with 130")
    assert written(newcomer) == []


def test_an_api_server_is_looked_at_when_it_is_typed(newcomer: Newcomer, real: Real) -> None:
    ca_file = real.home.parent / "secrets" / "ca.crt"
    window = newcomer.open("--issuer-url", real.issuer, "--client-id", CLIENT_ID)
    answer(window, "The API server's URL:", "https://127.0.0.1:9")
    choose(window, "What now?", "Type another address")
    answer(window, "Type another address ? The API server's URL: https://127.0.0.1:9", real.api_server.url)
    screen = window.until("A PEM file with the CA of the API server")
    assert "cannot be verified" in screen
    assert written(newcomer) == []
    window.paste(str(ca_file))
    window.until("It is there, and its certificate is good.")
    answer(window, "What to call the cluster:", "gpu")
    answer(window, "What should this login be called?", "lab")
    answer(window, "Make gpu the current one?")
    screen = window.until("Write this?")
    assert "new issuer lab, profile lab, cluster gpu" in " ".join(screen.split())
    assert "ca.crt is copied into the configuration" in " ".join(screen.split())
    answer(window, "Write this?", "y")
    assert "  gpu  you are me@example.com" in window.until("ended with 0")
    ca_file.rename(ca_file.with_name("cleaned-away"))
    pods = newcomer.kubectl("get", "pods", "-o", "name")
    assert (pods.returncode, "pod/notebook" in pods.stdout) == (0, True), pods.stderr


def test_a_client_that_is_refused_is_typed_again(newcomer: Newcomer, real: Real) -> None:
    window = newcomer.open("--issuer-url", real.issuer, "--client-id", "nosuch")
    screen = window.until("What now?")
    assert "client nosuch with http://localhost:8000: one of the two is not" in screen
    assert "It cannot be used as it is." in screen
    choose(window, "What now?", "Type another client ID")
    answer(window, "registered there: nosuch", CLIENT_ID)
    window.until(f"Client {CLIENT_ID} with http://localhost:8000 is registered.")
    window.until("The API server's URL:")
    assert "The URL of the issuer" not in window.everything(), "what was good is not asked again"


def test_a_client_of_a_file_that_is_refused_is_told_before_writing(newcomer: Newcomer, sent: Path) -> None:
    sent.write_text(sent.read_text().replace(f"--oidc-client-id={CLIENT_ID}", "--oidc-client-id=nosuch"))
    window = newcomer.open(str(sent), "--clusters", "h100")
    screen = window.until("Go on all the same? (y/N)")
    assert "client nosuch with http://localhost:8000: one of the two is not" in window.everything()
    assert "It cannot be used as it is." in screen
    window.press("Enter")
    assert "Nothing was written." in window.until("ended with 1")
    assert written(newcomer) == []


def test_two_new_clusters_and_which_is_current(newcomer: Newcomer, sent: Path) -> None:
    window = newcomer.open(str(sent), "--no-login")
    answer(window, "Which clusters?")
    answer(window, "What should this login be called?")
    choose(window, "Which cluster should be the current context of kubectl?", "old")
    screen = window.until("Write this?")
    assert "contexts h100, old; old becomes the current one" in " ".join(screen.split())
    answer(window, "Write this?", "y")
    window.until("ended with 0")
    assert newcomer.kubectl("config", "current-context").stdout == "old\n"
