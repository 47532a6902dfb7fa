"""Ask where the client secrets of a kubeconfig go, unless an option says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from togetherctl.errors import UsageError
from togetherctl.importing.secret_place import FORMS, SecretPlace

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.importing.additions import MovedSecret


class SecretPrompts:
    """The place for the client secret of each client: the typed one, else the answer of the person."""

    def __init__(self, app: App, typed: SecretPlace | None) -> None:
        self._app = app
        self._typed = typed
        self._said: dict[tuple[str, str], SecretPlace] = {}

    def of(self, moved: MovedSecret) -> SecretPlace | None:
        return self._said.get((moved.issuer, moved.client_id), self._typed)

    def settle(self, secrets: Sequence[MovedSecret]) -> None:
        """Know a place for each of them. Raises UsageError where no option says it and the command cannot ask."""
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
                f"the kubeconfig holds the client secret of {whose}, and --secret does not say where to keep it",
                hint=f"say --secret with {FORMS}",
            )
        for moved in secrets:
            self._said[moved.issuer, moved.client_id] = self._ask(moved)

    def _ask(self, moved: MovedSecret) -> SecretPlace:
        from togetherctl.cli.prompts import Prompts

        self._app.console.say(f"The kubeconfig holds the client secret of {moved.client_id} at {moved.issuer}.")
        where = Prompts(self._app.environ).text(f"Where should it go: {FORMS}?", check=SecretPlace.parse)
        return SecretPlace.parse(where)
