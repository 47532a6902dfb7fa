"""Ask for an API server by its address, and look at it and its certificate as soon as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from togetherctl.cli.prompts import PromptChoice, Prompts
from togetherctl.commands.importing.ask_login import ask_authority, read_authority
from togetherctl.config import value_checks
from togetherctl.config.value_checks import server_url
from togetherctl.errors import TogetherctlError, Unreachable
from togetherctl.importing.certificates import ca_data_of
from togetherctl.importing.cluster_offer import TypedServer
from togetherctl.kube.server_look import ServerLook, look_at_server

if TYPE_CHECKING:
    from togetherctl.commands.importing.run import ImportRun

_Found = Literal["good", "other", "failed"]
_QUESTION = "The API server's URL:"
_GO_ON = PromptChoice("Go on all the same", value="go on")


def ask_server(run: ImportRun, asking: Prompts) -> TypedServer:
    """The API server that the person describes. Flags are the first answers; what fails is asked again."""
    given = run.given
    url = given.server or asking.text(_QUESTION, check=server_url)
    authority: Mapping[str, str] = read_authority(run, given.ca_file) if given.ca_file else {}
    while True:
        looked, authority = _look(run, asking, url, authority)
        if (
            looked == "good"
            or run.offline
            or asking.one("What now?", [PromptChoice("Type another address", value=""), _GO_ON])
        ):
            break
        url = asking.text(_QUESTION, check=server_url, default=url)
    if looked == "failed" and not authority:
        _, authority = ask_authority(run, asking, "the API server")
    server = TypedServer(url, authority, given.name)
    name = given.name or asking.text("What to call the cluster:", default=server.cluster_name, check=value_checks.name)
    return replace(server, name=name)


def _look(run: ImportRun, asking: Prompts, url: str, authority: Mapping[str, str]) -> tuple[_Found, Mapping[str, str]]:
    """What is there, and the authority that vouches for it, which is asked for where it is unknown."""
    if run.offline:
        return "failed", authority
    typed = run.given.ca_file or ""
    run.app.console.say(f"Looking at the API server {url} …")
    while True:
        try:
            found = look_at_server(url, ca_data=ca_data_of(authority), environ=run.app.environ, log=run.app.world.log)
        except TogetherctlError as error:
            is_unknown = isinstance(error, Unreachable) and error.reason == "authority"
            if is_unknown:
                # The question says what helps.
                error.remedy = None
            run.app.console.error(error)
            if not is_unknown:
                return "failed", authority
            typed, authority = ask_authority(run, asking, "the API server", default=typed)
            if not authority:
                return "failed", authority
        else:
            return _tell(run, url, found), authority


def _tell(run: ImportRun, url: str, found: ServerLook) -> _Found:
    """Say what answered, and whether anything vouches for it."""
    is_plain = urlsplit(url).scheme == "http"
    certificate = "http:// has no certificate, so nothing proves what it is" if is_plain else "its certificate is good"
    if found.kind == "kubernetes":
        run.app.console.say(f"It is there; {certificate}." if is_plain else f"It is there, and {certificate}.")
        return "good"
    if found.kind == "gateway":
        said = f"It answers HTTP {found.status}, and does not say that it is an API server; {certificate}."
        run.app.console.say(said)
        return "good"
    status = f"HTTP {found.status} for /version" if found.status else "what it sends cannot be read"
    run.app.console.error(
        TogetherctlError(
            f"what is at {url} does not answer as a Kubernetes API server does: {status}",
            hint="look in a kubeconfig of the cluster; `server` there is the address, and mostly begins with https://",
        )
    )
    return "other"
