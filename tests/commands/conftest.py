"""The plugin at the scripted issuer, plainly and over TLS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import ScriptedBrowser
from tests.support.plugin import Plugin

if TYPE_CHECKING:
    from tests.conftest import CliIn
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def plugin(issuer: ScriptedIssuer, clock: StoppedClock, home: Path, cli_in: CliIn) -> Plugin:
    return Plugin(issuer, ScriptedBrowser(issuer), clock, home, cli_in)


@pytest.fixture
def tls_plugin(plugin: Plugin, tls_issuer: ScriptedIssuer) -> Plugin:
    return plugin.at(tls_issuer)
