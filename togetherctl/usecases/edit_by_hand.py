"""Take a new text of the whole configuration, as a person edited it: check it, see what goes with it, write it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from togetherctl.auth.cache.migrate import read_if_sound
from togetherctl.config.config import Config
from togetherctl.config.editing import begin_edit
from togetherctl.config.files import not_toml, read_text
from togetherctl.config.toml_text import NotTOML, TomlText, parse
from togetherctl.config.validation import for_kubectl, refusal, validate
from togetherctl.disk import PRIVATE_FILE
from togetherctl.errors import ConfigError
from togetherctl.usecases.agent_questions import forget_answers
from togetherctl.usecases.remove_entry import GoingSession, going_sessions
from togetherctl.wiring import World

_MOST_KEPT = 100


@dataclass(frozen=True)
class EditedText:
    """A text that is sound, in place of the one that was `seen`.

    `sessions` are those that no profile reaches afterwards; `clusters` are new or say something else than before.
    """

    seen: str
    text: str
    sessions: list[GoingSession] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)


def begin_text(seen: str) -> str:
    """What the editor begins with: the text as it is, or the head of a new configuration."""
    if seen.strip():
        return seen
    new = TomlText("")
    begin_edit(new)
    return new.text


def check_edited(world: World, seen: str, text: str) -> EditedText:
    """What writing `text` would do. Raises ConfigError with every problem it has, by line."""
    path = world.paths.config
    try:
        data = parse(text)
    except NotTOML as error:
        raise not_toml(path, error) from None
    table, problems = validate(data)
    before = read_if_sound(world.paths, world.environ)
    known = list(for_kubectl(before.table.model_dump(mode="json"))) if before else []
    problems += [problem for problem in for_kubectl(data) if problem not in known]
    if table is None or problems:
        raise refusal(path, text, problems)
    if before is None:
        return EditedText(seen, text, clusters=list(table.clusters))
    earlier, now = before.storages(), Config(path, table, world.environ).storages()
    kept = {key for key in now if now[key] != "memory" or earlier.get(key) == "memory"}
    changed = [name for name, cluster in table.clusters.items() if before.table.clusters.get(name) != cluster]
    return EditedText(seen, text, list(going_sessions(world, kept)), changed)


def write_edited(world: World, edited: EditedText) -> None:
    """Write it whole. Raises ChangedElsewhere where the file says something else by now, ConfigError, StorageError."""
    with world.changing_config(seen=edited.seen) as new:
        before = new.data.get("profiles", {})
        new.text = edited.text
        new.data = parse(edited.text)
        now = new.data.get("profiles", {})
        gone = [name for name in before if now.get(name, {}).get("forward") != "ask"]
        if gone:
            forget_answers(world.paths, *gone, now=world.clock())


def keep_edit(world: World, edited: EditedText) -> Path:
    """Keep what could not be written beside the configuration, 0600, in a file that was not there. Raises ConfigError.

    Where that cannot be written to, it is in the state.
    """
    config = world.paths.config
    for folder in (config.parent, world.paths.state):
        for number in range(1, _MOST_KEPT):
            path = folder / f"{config.name}.edit-{number}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            except FileExistsError:
                continue
            except OSError:
                break
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(edited.text)
            return path
    raise ConfigError(f"your edit can be kept neither in {config.parent} nor in {world.paths.state}")


def read_for_edit(world: World) -> str:
    """The text of the configuration, sound or not. Raises ConfigError where it cannot be read."""
    return read_text(world.paths.config)
