"""Kubeconfigs as many people would write them: made from a seed, in all the layouts that YAML has."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from togetherctl.kube.yaml_text import load

CA = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
WORDS = (
    "prod",
    "lab-2",
    "gke_team_zone_one",
    "arn:aws:eks:eu-1:123:cluster/a",
    "me@example.com/b",
    "größe",
    "a b",
    "x" * 70,
)
ODD = (
    "yes",
    "on",
    "null",
    "0777",
    "1_000",
    "2026-11-23",
    "12:30:45",
    "=",
    "<<",
    "~",
    "1e3",
    "0x1f",
    "08",
    "y",
    "'",
    "a#b",
    "-a",
)


@dataclass(frozen=True)
class Made:
    """One file, and what is unusual about it."""

    data: bytes
    habits: frozenset[str] = field(default_factory=frozenset)


def make(seed: int) -> Made:
    """The kubeconfig of a seed. Not each is one that kubectl takes."""
    return _Making(Random(seed)).file()  # noqa: S311 # the same ones each time


class _Making:
    """One file: what is in it, then how it is written."""

    def __init__(self, random: Random) -> None:
        self._random = random
        chosen = [habit for habit in HABITS if random.random() < HABITS[habit]]
        self._habits = set(chosen)
        self._used: set[str] = set()
        # What stands behind an anchor already, as JSON, by the name of the anchor.
        self._anchors: dict[str, str] = {}
        self._wide = random.choice((2, 2, 2, 4))
        self._list_margin = random.choice((0, 0, self._wide))

    def _has(self, habit: str) -> bool:
        if habit in self._habits:
            self._used.add(habit)
            return True
        return False

    def file(self) -> Made:
        config = self._config()
        if self._has("JSON"):
            text = json.dumps(
                config, indent=self._random.choice((None, 2, 4, "\t")), ensure_ascii=self._random.random() < 0.5
            )
        elif self._has("flow at the top"):
            text = self._flow(config) + "\n"
        else:
            text = self._block(config)
        if self._has("several documents"):
            text += self._random.choice(("---\n", "...\n---\n")) + self._random.choice(
                ("kind: List\nitems: []\n", "a: [\n", "")
            )
        if self._has("a marker"):
            text = "---\n" + text
        if self._has("no line end at the end"):
            text = text.rstrip("\n")
        if self._has("CRLF"):
            text = text.replace("\n", "\r\n")
        elif self._has("mixed line ends"):
            text = "".join(line + self._random.choice(("\n", "\r\n")) for line in text.split("\n"))
        if self._has("UTF-16"):
            return Made(
                ("\ufeff" + text).encode(self._random.choice(("utf-16-le", "utf-16-be"))), frozenset(self._used)
            )
        if self._has("a byte order mark"):
            text = "\ufeff" + text
        return Made(text.encode(), frozenset(self._used))

    def _config(self) -> dict[str, Any]:
        random = self._random
        if self._has("nothing"):
            return {}
        count = random.randint(0, 3)
        names = [self._name(at) for at in range(count)]
        if names and self._has("a name of ours"):
            names[0] = "east"
        config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
        if random.random() < 0.5:
            config["preferences"] = {}
        config["clusters"] = [{"cluster": self._cluster(at), "name": name} for at, name in enumerate(names)]
        config["contexts"] = [{"context": {"cluster": name, "user": name}, "name": name} for name in names]
        config["users"] = [{"name": name, "user": self._user()} for name in names]
        if self._has("an empty list is null"):
            config = {key: value if value != [] else None for key, value in config.items()}
        elif self._has("an empty list is left out"):
            config = {key: value for key, value in config.items() if value != []}
        if random.random() < 0.7:
            config["current-context"] = random.choice([*names, ""])
        if self._has("shared lists"):
            shared = {section: config.pop(section) for section in ("clusters", "contexts") if config.get(section)}
            config = {"x-shared": shared, **config, **shared}
            self._habits.add("anchors")
        if self._has("keys of others"):
            config["x-mine"] = {"a": [1, 2.5, {"b": None}], "when": "2026-11-23"}
        keys = list(config)
        if self._has("another order"):
            random.shuffle(keys)
        return {key: config[key] for key in keys}

    def _name(self, at: int) -> str:
        return (
            f"{self._random.choice(WORDS)}{at or ''}" if not self._has("odd names") else f"{self._random.choice(ODD)}"
        )

    def _cluster(self, at: int) -> dict[str, Any]:
        cluster: dict[str, Any] = {"server": f"https://203.0.113.{at}:6443"}
        if self._random.random() < 0.6:
            cluster["certificate-authority-data"] = CA
        if self._random.random() < 0.3:
            cluster["extensions"] = [
                {"name": "minikube.sigs.k8s.io", "extension": {"version": "v1.36.0", "last": None}}
            ]
        return cluster

    def _user(self) -> dict[str, Any]:
        return self._random.choice(
            (
                {"client-certificate": "admin.pem", "client-key": "admin-key.pem"},
                {"username": "me", "password": 'it\'s: "odd" #1'},
                {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1",
                        "command": "aws",
                        "args": ["eks", "get-token", "--cluster-name", "a"],
                        "env": self._random.choice((None, [{"name": "AWS_PROFILE", "value": "p"}])),
                        "installHint": "one\ntwo\n\n  three\n",
                        "interactiveMode": "IfAvailable",
                    }
                },
                {},
            )
        )

    def _block(self, value: dict[str, Any], margin: int = 0) -> str:
        lines = []
        for key, item in value.items():
            if self._has("comments") and self._random.random() < 0.3:
                lines.append(f"{' ' * margin}# about {key}\n")
            if margin and self._has("keys behind a question mark") and self._random.random() < 0.1:
                lines.append(f"{' ' * margin}? {key}\n{' ' * margin}:{self._behind(item, margin)}")
                continue
            if margin and self._has("duplicate keys") and self._random.random() < 0.3:
                lines.append(f"{' ' * margin}{key}: before\n")
            lines.append(f"{' ' * margin}{self._key(key)}:{self._behind(item, margin)}")
        return "".join(lines)

    def _behind(self, value: Any, margin: int) -> str:
        """What follows a colon, to the end of its last line."""
        comment = "  # why not\n" if self._has("comments") and self._random.random() < 0.3 else "\n"
        anchor = ""
        if value and self._has("anchors"):
            said = json.dumps(value)
            known = [name for name, other in self._anchors.items() if other == said]
            if known and self._random.random() < 0.8:
                return f" *{known[0]}{comment}"
            anchor = f" &a{len(self._anchors)}"
            self._anchors[anchor[2:]] = said
        if isinstance(value, dict) and value and not self._is_flow():
            if self._has("merges") and self._random.random() < 0.4:
                keys = list(value)
                first, rest = {keys[0]: value[keys[0]]}, {key: value[key] for key in keys[1:]}
                pad = " " * (margin + self._wide)
                return f"{anchor}{comment}{pad}<<: {self._flow(first)}\n{self._block(rest, margin + self._wide)}"
            return f"{anchor}{comment}{self._block(value, margin + self._wide)}"
        if isinstance(value, list) and value and not self._is_flow():
            return anchor + comment + "".join(self._item(item, margin + self._list_margin) for item in value)
        tab = "\t" if self._has("a tab behind a colon") else " "
        if value is None:
            return self._random.choice((comment, f"{tab}null{comment}", f"{tab}~{comment}"))
        if isinstance(value, (dict, list)):
            return f"{anchor}{tab}{self._flow(value)}{comment}"
        if isinstance(value, str) and "\n" in value and not self._has("JSON"):
            pad = " " * (margin + self._wide)
            style = anchor[1:] + (" " if anchor else "") + self._random.choice(("|", "|+", f"|{self._wide}"))
            body = "".join(f"{pad}{line}\n" if line else "\n" for line in value.removesuffix("\n").split("\n"))
            return f"{tab}{style}\n{body}"
        if isinstance(value, str) and self._has("words over several lines") and " " not in value and len(value) > 20:
            pad = " " * (margin + self._wide)
            return f"{anchor}{tab}>-\n{pad}{value}\n" if not value.startswith("-") else f'{anchor}{tab}"{value}"\n'
        tag = " !!str" if isinstance(value, str) and self._has("tags") and self._random.random() < 0.3 else ""
        return f"{anchor}{tag}{tab}{self._word(value)}{comment}"

    def _item(self, value: Any, margin: int) -> str:
        pad = " " * margin
        if isinstance(value, dict) and value and not self._is_flow():
            if self._has("a lonely dash"):
                return f"{pad}-\n{self._block(value, margin + 2)}"
            inside = self._block(value, margin + 2)
            # Comments and duplicates may come first; the dash goes on the first line that holds a key.
            comment = ""
            while inside.lstrip().startswith("#"):
                line, _, inside = inside.partition("\n")
                comment += line + "\n"
            return f"{comment}{pad}- {inside[margin + 2 :]}"
        return f"{pad}- {self._flow(value) if isinstance(value, (dict, list)) else self._word(value)}\n"

    def _is_flow(self) -> bool:
        return self._has("flow") and self._random.random() < 0.3

    def _flow(self, value: Any) -> str:
        if isinstance(value, dict):
            pairs = [f"{self._key(key)}: {self._flow(item)}" for key, item in value.items()]
            return "{" + ", ".join(pairs) + "}"
        if isinstance(value, list):
            lead = " # the first\n  " if value and self._has("a comment behind a bracket") else ""
            return f"[{lead}{', '.join(self._flow(item) for item in value)}]"
        if value is None:
            return "null"
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else self._word(value)

    def _key(self, key: str) -> str:
        return json.dumps(key) if self._has("quoted keys") and self._random.random() < 0.3 else key

    def _word(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        plain = value and value not in ODD and not set(value) & set(":#\"'\n<=~{}[]") and value[0] not in "-0"
        if value in ODD and value != "'" and self._has("odd names are not quoted"):
            return value
        if plain and self._random.random() < 0.7:
            return value
        return (
            json.dumps(value, ensure_ascii=False)
            if self._random.random() < 0.5 or "\n" in value
            else "'" + value.replace("'", "''") + "'"
        )


# Each with how often it is there.
HABITS = {
    "JSON": 0.06,
    "flow at the top": 0.05,
    "several documents": 0.06,
    "a marker": 0.1,
    "no line end at the end": 0.1,
    "CRLF": 0.1,
    "mixed line ends": 0.06,
    "UTF-16": 0.04,
    "a byte order mark": 0.05,
    "nothing": 0.02,
    "an empty list is null": 0.3,
    "an empty list is left out": 0.3,
    "keys of others": 0.2,
    "another order": 0.2,
    "odd names": 0.15,
    "odd names are not quoted": 0.5,
    "comments": 0.4,
    "duplicate keys": 0.08,
    "anchors": 0.15,
    "shared lists": 0.04,
    "merges": 0.12,
    "words over several lines": 0.1,
    "tags": 0.05,
    "keys behind a question mark": 0.05,
    "a name of ours": 0.02,
    "a tab behind a colon": 0.07,
    "a lonely dash": 0.06,
    "flow": 0.3,
    "a comment behind a bracket": 0.08,
    "quoted keys": 0.15,
}


def change(path: Path, how: Any) -> None:
    """Change the file as another program would: read, changed, written as JSON, which is YAML."""
    data = load(path.read_text(encoding="utf-8"))
    how(data)
    path.write_text(json.dumps(data), encoding="utf-8")
