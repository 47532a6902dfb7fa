"""`togetherctl profile`: its verbs."""

from __future__ import annotations

from togetherctl.cli.lazy import Lazy, LazyGroup

_HERE = "togetherctl.commands.profile"
_ENTRIES = "togetherctl.commands.entries"

VERBS = {
    "list": Lazy(f"{_ENTRIES}.show:list_of", "List the profiles of the configuration.", "profile"),
    "show": Lazy(f"{_ENTRIES}.show:show_of", "Show one profile with every key.", "profile"),
    "add": Lazy(f"{_ENTRIES}.add:profile", "Add a profile, and its issuer if that is new."),
    "set": Lazy(f"{_ENTRIES}.edit:set_of", "Change keys of one profile.", "profile"),
    "unset": Lazy(
        f"{_ENTRIES}.edit:unset_of", "Set keys of one profile back to their defaults.", "profile", removes=True
    ),
    "secret": Lazy(f"{_HERE}.secret", "Keep a client secret in the keyring."),
    "rename": Lazy(f"{_ENTRIES}.edit:rename_of", "Give one profile another name.", "profile"),
    "remove": Lazy(f"{_ENTRIES}.remove", "Remove one profile from the configuration.", "profile", removes=True),
    "import": Lazy(f"{_HERE}.import_profiles", "Import profiles and clusters into the configuration."),
    "export": Lazy(f"{_HERE}.export", "Print a bundle for others: profiles, issuers, clusters."),
    "update": Lazy(f"{_HERE}.update", "Ask for newer bundles, and take their changes."),
    "validate": Lazy(f"{_ENTRIES}.show:validate_of", "Check the whole configuration.", "profile"),
}

command = LazyGroup("profile", lazy=VERBS, help="Manage profiles: who you are to an issuer.")
