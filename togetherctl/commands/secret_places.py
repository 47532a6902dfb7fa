"""Ask where a client secret goes that leaves a kubeconfig, unless a flag says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.errors import UsageError
from togetherctl.sources.secret_place import FORMS, SecretPlace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.commands.app import App
    from togetherctl.sources.additions import MovedSecret

_ASK_SECONDS = 600.0


class Places:
    """Where the client secret of each client goes: what a flag says, else what the person answers."""

    def __init__(self, app: App, typed: SecretPlace | None) -> None:
        self._app = app
        self._typed = typed
        self._said: dict[tuple[str, str], SecretPlace] = {}

    def of(self, moved: MovedSecret) -> SecretPlace | None:
        return self._said.get((moved.issuer, moved.client_id), self._typed)

    def settle(self, secrets: Sequence[MovedSecret]) -> None:
        """Know a place for each of them. Raises UsageError where that is missing and cannot be asked."""
        if self._typed is not None:
            if len(secrets) > 1 and self._typed.kind != "keyring":
                raise UsageError(
                    f"there are {len(secrets)} client secrets, and one {self._typed.kind} holds one",
                    hint="--secret keyring, or one --context after the other",
                )
            return
        if secrets and not self._app.console.can_ask:
            whose = ", ".join(f"{moved.client_id} at {moved.issuer}" for moved in secrets)
            raise UsageError(
                f"the kubeconfig holds the client secret of {whose}, and it is not said where that is to go",
                hint=f"say --secret with {FORMS}",
            )
        for moved in secrets:
            self._said[moved.issuer, moved.client_id] = self._asked(moved)

    def _asked(self, moved: MovedSecret) -> SecretPlace:
        console = self._app.console
        console.say(f"The kubeconfig holds the client secret of {moved.client_id} at {moved.issuer}.")
        while True:
            try:
                answer = console.ask_line(f"Where is it to go: {FORMS}? ", _ASK_SECONDS)
            except (EOFError, TimeoutError):
                raise UsageError("nobody said where the client secret is to go; nothing was changed") from None
            try:
                return SecretPlace.parse(answer)
            except UsageError as error:
                console.warn(error.message)
