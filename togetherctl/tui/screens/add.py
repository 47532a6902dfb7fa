"""Add a profile by hand: checked as it is typed; the issuer is asked before it is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from togetherctl.auth.issuer_check import Report
from togetherctl.config import value_checks
from togetherctl.config.types import Kind
from togetherctl.errors import TogetherctlError, Unreachable, UsageError
from togetherctl.tui.context import AppContext
from togetherctl.tui.field_definitions import definition
from togetherctl.tui.job_prompter import JobPrompter
from togetherctl.tui.screens.form import FormScreen
from togetherctl.tui.widgets.field import Field
from togetherctl.usecases.add_entry import NewProfile, Tables, look_at_issuer, problems_with, tables_for

_NAME = "What you will call this profile, as in: togetherctl login acme"
_ISSUER = "The exact address of the OpenID Provider; or the name of an issuer you have"
_CLUSTER = "What you will call the cluster; the profile's name, if left empty"
# The fields of an issuer and a cluster, whose keys are also those of other kinds.
_ISSUER_CA, _CLUSTER_CA = "issuer_ca_file", "cluster_ca_file"
_PLACES: dict[tuple[Kind, str], str] = {
    ("issuer", "url"): "issuer",
    ("issuer", "ca_file"): _ISSUER_CA,
    ("profile", "issuer"): "issuer",
    ("profile", "client_id"): "client_id",
    ("profile", "scopes"): "scopes",
    ("profile", "grant"): "grant",
    ("cluster", ""): "cluster",
    ("cluster", "server"): "server",
    ("cluster", "ca_file"): _CLUSTER_CA,
    ("profile", ""): "name",
    ("issuer", ""): "name",
}


class AddScreen(FormScreen[Tables]):
    """Gives the new tables of the configuration; `data` is what it holds now."""

    app: AppContext

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__("Add profile")
        self._data = data
        # What was typed when the issuer could not be reached: saving the same again goes on without it.
        self._unreachable: list[str] = []
        self.report: Report | None = None

    def fields(self) -> Iterable[Field]:
        issuer = definition("profile", "issuer")
        yield Field("name", "Name", group=issuer.group, placeholder="for example acme", about=_NAME)
        yield Field(
            "issuer", issuer.label, group=issuer.group, placeholder="for example https://login.acme.com", about=_ISSUER
        )
        yield Field.of(definition("profile", "client_id"))
        yield Field.of(definition("profile", "scopes"))
        yield Field.of(definition("profile", "grant"))
        yield Field.of(definition("issuer", "ca_file"), key=_ISSUER_CA)
        server = definition("cluster", "server")
        yield Field.of(server, placeholder="for example https://10.0.0.1:6443; empty: no cluster yet")
        yield Field("cluster", "Name", group=server.group, placeholder="default: the profile's name", about=_CLUSTER)
        yield Field.of(definition("cluster", "ca_file"), key=_CLUSTER_CA)

    def _wish(self) -> NewProfile:
        typed = {field.key: field.text for field in self.query(Field)}
        scopes = tuple(part.strip() for part in typed.pop("scopes").split(",") if part.strip())
        grant = typed.pop("grant")
        return NewProfile(**typed, scopes=scopes, settings=(f"grant={grant}",) if grant else ())

    def check(self, *, saving: bool) -> Mapping[str, str]:
        """What is wrong; an empty field is reported as missing only when the form is saved."""
        found = self._find_problems()
        return {key: reason for key, reason in found.items() if saving or key == "" or self.field(key).text}

    def _find_problems(self) -> dict[str, str]:
        wish = self._wish()
        found = {key: "missing" for key in ("name", "issuer", "client_id") if not self.field(key).text}
        if wish.name:
            found |= self._about_name(wish.name)
        if wish.cluster and not wish.server:
            found["server"] = "missing: a cluster has one"
        try:
            tables = tables_for(self.app.world.reread(), wish)
        except UsageError as error:
            return found | ({"issuer": error.message} if wish.issuer else {})
        for place, reason in problems_with(self._data, tables).items():
            found.setdefault(_PLACES.get(place, ""), reason)
        return found

    def _about_name(self, name: str) -> dict[str, str]:
        try:
            value_checks.name(name)
        except ValueError as error:
            return {"name": str(error)}
        return {"name": f"profile {name} is there already"} if name in self._data.get("profiles", {}) else {}

    def save(self) -> None:
        if not self._saving:
            self._saving = True
            self.run_worker(self._look(tables_for(self.app.world.reread(), self._wish())), exclusive=True)

    async def _look(self, tables: Tables) -> None:
        if self._unreachable == self._typed:
            self.dismiss(tables)
            return
        self.fail("Asking the issuer …")
        prompter = JobPrompter(self.app.world.sleep)
        try:
            tables, self.report = await asyncio.to_thread(look_at_issuer, self.app.world.reread(prompter), tables)
        except TogetherctlError as error:
            said = [error.message, *getattr(error, "problems", ()), *filter(None, [str(error.remedy or "")])]
            if isinstance(error, Unreachable):
                self._unreachable = self._typed
                said.append("ctrl+s once more adds it without asking the issuer.")
            self.fail("\n".join(said))
        else:
            self.dismiss(tables)
        finally:
            self._saving = False
