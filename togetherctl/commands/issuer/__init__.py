"""`togetherctl issuer`: its verbs."""

from __future__ import annotations

from togetherctl.cli.lazy import Lazy, LazyGroup

_ENTRIES = "togetherctl.commands.entries"

VERBS = {
    "list": Lazy(f"{_ENTRIES}.show:list_of", "List the issuers of the configuration.", "issuer"),
    "show": Lazy(f"{_ENTRIES}.show:show_of", "Show one issuer with every key.", "issuer"),
    "add": Lazy(f"{_ENTRIES}.add:issuer", "Add an issuer, after a look at its metadata."),
    "presets": Lazy("togetherctl.commands.issuer.presets", "List the identity providers that are known, or show one."),
    "check": Lazy("togetherctl.commands.issuer.check", "Check whether an issuer works, and say what does not."),
    "set": Lazy(f"{_ENTRIES}.edit:set_of", "Change keys of one issuer.", "issuer"),
    "unset": Lazy(
        f"{_ENTRIES}.edit:unset_of", "Set keys of one issuer back to their defaults.", "issuer", removes=True
    ),
    "rename": Lazy(f"{_ENTRIES}.edit:rename_of", "Give one issuer another name.", "issuer"),
    "remove": Lazy(f"{_ENTRIES}.remove", "Remove one issuer from the configuration.", "issuer", removes=True),
    "validate": Lazy(f"{_ENTRIES}.show:validate_of", "Check the whole configuration.", "issuer"),
}

command = LazyGroup("issuer", lazy=VERBS, help="Manage issuers: OpenID Providers and how to reach them.")
