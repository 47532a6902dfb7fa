"""A changed entry of a YAML text, as its owner would have written it: the order, the style and the comments stay."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.tokens import CommentToken


def merged(commented: Any, wanted: Any) -> Any:
    """`wanted` in the shape, order and with the comments of what is there. It stands alone, without anchors."""
    alone = _alone(commented)
    _end_with_content(alone)
    return _merged(alone, wanted)


def _end_with_content(value: Any) -> None:
    """Take off the comments on the lines below the last value: they belong to what follows."""
    if not isinstance(value, (CommentedMap, CommentedSeq)) or not value:
        return
    last, place = (next(reversed(value)), 2) if isinstance(value, CommentedMap) else (len(value) - 1, 0)
    tokens = value.ca.items.get(last)
    if tokens and isinstance(tokens[place], CommentToken):
        behind, _, below = tokens[place].value.partition("\n")
        if below:
            tokens = value.ca.items[last] = list(tokens)
            tokens[place] = CommentToken(f"{behind}\n", tokens[place].start_mark, None) if behind else None
    _end_with_content(value[last])


def _alone(value: Any) -> Any:
    """A copy that shares nothing: a mapping that others are merged into is written out, without its comments."""
    copy: Any
    if isinstance(value, CommentedMap):
        copy = {} if value.merge else CommentedMap()
        for key, item in value.items():
            copy[key] = _alone(item)
    elif isinstance(value, CommentedSeq):
        copy = CommentedSeq([_alone(item) for item in value])
    else:
        return _without_anchor(value)
    if isinstance(copy, (CommentedMap, CommentedSeq)):
        value.copy_attributes(copy)
    return _without_anchor(copy)


def _without_anchor(value: Any) -> Any:
    if hasattr(value, "yaml_set_anchor"):
        value.yaml_set_anchor(None)
    return value


def _merged(commented: Any, wanted: Any) -> Any:
    """`wanted` in the shape, order and with the comments of what is there."""
    if isinstance(commented, CommentedSeq) and isinstance(wanted, list):
        return _merged_list(commented, wanted)
    if not isinstance(commented, CommentedMap) or not isinstance(wanted, dict):
        return wanted
    for key in [key for key in commented if key not in wanted]:
        del commented[key]
    for key, value in wanted.items():
        if key not in commented or commented[key] != value:
            before, commented[key] = commented.get(key), _merged(commented.get(key), value)
            # The comment behind a list on one line comes along with its end.
            for token in commented.ca.items.get(key) or () if isinstance(before, CommentedSeq) else ():
                if isinstance(token, CommentToken):
                    token.start_mark.column = 0
    return commented


def _merged_list(commented: CommentedSeq, wanted: list[Any]) -> Any:
    """Entries that stay keep their style; a list on one line stays on one line, without the comments of its items."""
    if len(commented) == len(wanted):
        # Each in its place, where its comment is.
        for at, value in enumerate(wanted):
            if commented[at] != value:
                commented[at] = _merged(commented[at], value)
        return commented
    kept = [next((item for item in commented if item == value), value) for value in wanted]
    if not commented.fa.flow_style():
        return kept
    on_one_line = CommentedSeq(kept)
    on_one_line.fa.set_flow_style()
    return on_one_line
