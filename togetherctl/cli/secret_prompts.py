"""Ask where the client secrets of a kubeconfig go, unless an option says it, and try a keyring that is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from togetherctl.errors import StorageError, UsageError
from togetherctl.importing.secret_place import FORMS, SecretPlace

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.importing.additions import MovedSecret

# Time for a person to unlock it.
_SECONDS = 30.0


class SecretPrompts:
    """The place for the client secret of each client: the typed one, else the answer of the person."""

    def __init__(self, app: App, typed: SecretPlace | None) -> None:
        self._app = app
        self._typed = typed
        self._said: dict[tuple[str, str], SecretPlace] = {}

    def of(self, moved: MovedSecret) -> SecretPlace | None:
        return self._said.get((moved.issuer, moved.client_id), self._typed)

    def settle(self, secrets: Sequence[MovedSecret]) -> None:
        """Know a place for each of them that can be used.

        Raises UsageError where no option says it and the command cannot ask, StorageError where an option names a
        keyring that does not work.
        """
        if self._typed is not None:
            if len(secrets) > 1 and self._typed.kind != "keyring":
                raise UsageError(
                    f"there are {len(secrets)} client secrets, and one {self._typed.kind} holds one",
                    hint="--secret keyring, or one --context after the other",
                )
            if secrets and self._typed.kind == "keyring":
                self._try_keyring()
            return
        if secrets and not self._app.console.can_ask:
            whose = ", ".join(f"{moved.client_id} at {moved.issuer}" for moved in secrets)
            raise UsageError(
                f"the kubeconfig holds the client secret of {whose}, and --secret does not say where to keep it",
                hint=f"say --secret with {FORMS}",
            )
        for moved in secrets:
            if (moved.issuer, moved.client_id) not in self._said:
                self._said[moved.issuer, moved.client_id] = self._ask(moved)

    def _ask(self, moved: MovedSecret) -> SecretPlace:
        from togetherctl.cli.prompts import PromptChoice, Prompts

        asking = Prompts(self._app.environ)
        self._app.console.say(f"The kubeconfig holds the client secret of {moved.client_id} at {moved.issuer}.")
        kinds = [
            PromptChoice("In this system's keyring", "keyring"),
            PromptChoice("In an environment variable, which you set yourself", "env"),
            PromptChoice("In a file of its own", "file"),
        ]
        kind = "keyring"
        while True:
            kind = asking.one("Where should it go?", kinds, default=kind)
            if kind == "env":
                name = asking.text("Which variable?", check=lambda typed: SecretPlace.parse(f"env:{typed}"))
                return SecretPlace("env", name)
            if kind == "file":

                def check(typed: str) -> None:
                    SecretPlace.parse(f"file:{typed}").refuse_other_file(moved.value, self._app.environ)

                return SecretPlace(
                    "file", asking.path("Which file? It need not be there yet. (Tab completes)", check=check)
                )
            try:
                self._try_keyring()
            except StorageError as error:
                self._app.console.error(error)
                kind = "file"
            else:
                return SecretPlace("keyring")

    def _try_keyring(self) -> None:
        """Raises StorageError where it cannot be used, before anything depends on it."""
        from togetherctl import keyring_secrets

        def wait() -> None:
            self._app.console.say("The keyring is slow to answer; it may be asking you to unlock it.")

        keyring_secrets.try_out(keyring_secrets.Patience(_SECONDS, wait))
