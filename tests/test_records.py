"""Our data classes and named tuples against those of the standard library: the same class body, the same behaviour."""

from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
import typing
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest

from togetherctl import records

OURS, STANDARD = records, dataclasses


def make_point(module: Any) -> Any:
    @module.dataclass(frozen=True)
    class Point:
        x: int
        y: int = 2
        secret: str | None = module.field(default="hidden", repr=False)
        at: float = module.field(default=0.0, compare=False)
        more: dict[str, int] = module.field(default_factory=dict)

        @cached_property
        def total(self) -> int:
            return self.x + self.y

    return Point


def make_box(module: Any) -> Any:
    point = make_point(module)

    @module.dataclass
    class Box:
        corner: Any
        others: tuple[Any, ...] = ()
        done: bool = False

        def __post_init__(self) -> None:
            self.done = True

        def __repr__(self) -> str:
            return "a box"

    return point, Box


def extend(make: Any) -> object:
    more: Any = dataclasses.dataclass(frozen=True)(type("More", (make,), {"__annotations__": {}}))
    return more(1)


@pytest.mark.parametrize(
    "act",
    [
        lambda make: make(1),
        lambda make: make(1, 3, "s", 4.0, {"a": 1}),
        lambda make: make(x=1, more={"b": 2}).more,
        lambda make: make(1, y=5).total,
        lambda make: make(1) == make(1, at=9.0),
        lambda make: make(1) == make(2),
        lambda make: hash(make(1, more=())) == hash(make(1, at=9.0, more=())),
        lambda make: make(1).secret,
        lambda make: make.y,
        lambda make: hasattr(make, "x"),
        lambda make: make.__match_args__,
        lambda make: make(1).more is make(1).more,
        lambda make: dataclasses.replace(make(1), y=7),
        lambda make: dataclasses.asdict(make(1)),
        lambda make: [one.name for one in dataclasses.fields(make)],
        lambda make: copy.copy(make(4)),
        extend,
    ],
)
def test_a_data_class_is_one_of_the_standard_library(act: Callable[[Any], object]) -> None:
    assert repr(act(make_point(OURS))) == repr(act(make_point(STANDARD)))


@pytest.mark.parametrize(
    "act",
    [
        lambda make: make(),
        lambda make: make(1, 2, "s", 4.0, {}, 6),
        lambda make: make(1, x=1),
        lambda make: make(1, z=1),
        lambda make: setattr(make(1), "x", 2),
        lambda make: delattr(make(1), "x"),
        lambda make: hash(make(1)),
        lambda make: dataclasses.replace(make(1), z=1),
    ],
)
def test_what_the_standard_library_refuses_is_refused(act: Callable[[Any], object]) -> None:
    for module in (OURS, STANDARD):
        with pytest.raises((TypeError, AttributeError)):
            act(make_point(module))


def test_a_data_class_that_can_be_changed() -> None:
    seen = []
    for module in (OURS, STANDARD):
        point, box_class = make_box(module)
        box = box_class(point(1), (point(2),))
        box.others = (point(3), point(4))
        with pytest.raises(TypeError):
            hash(box)
        seen.append((repr(box), box.done, module.asdict(box), repr(module.replace(box, others=()).others)))
    assert seen[0] == seen[1]


class Ours(records.NamedTuple):
    name: str
    value: int = 2
    more: tuple[int, ...] = ()


class Standard(typing.NamedTuple):
    name: str
    value: int = 2
    more: tuple[int, ...] = ()


@pytest.mark.parametrize(
    "act",
    [
        lambda make: make("a"),
        lambda make: make("a", 3, (4,)),
        lambda make: make(name="a", more=(1,)),
        lambda make: make("a", value=5)[1],
        lambda make: make("a").value,
        lambda make: make("a") == ("a", 2, ()),
        lambda make: make("a")._replace(value=9),
        lambda make: make("a")._asdict(),
        lambda make: copy.copy(make("a")),
        lambda make: [*make("a")],
        lambda make: make._fields,
    ],
)
def test_a_named_tuple_is_one_of_the_standard_library(act: Callable[[Any], object]) -> None:
    assert repr(act(Ours)).replace("Ours", "") == repr(act(Standard)).replace("Standard", "")


@pytest.mark.parametrize(
    "act",
    [
        lambda make: make(),
        lambda make: make("a", 1, (), 4),
        lambda make: make("a", name="b"),
        lambda make: make("a", other=1),
        lambda make: setattr(make("a"), "name", "b"),
        lambda make: make("a")._replace(other=1),
    ],
)
def test_what_a_named_tuple_refuses(act: Callable[[Any], object]) -> None:
    for make in (Ours, Standard):
        with pytest.raises((TypeError, AttributeError, ValueError)):
            act(make)


def test_what_they_load() -> None:
    script = "import sys; import togetherctl.records; print(*sys.modules)"
    script = f"import sys; sys.path.insert(0, {str(records.__file__).rpartition('/togetherctl/')[0]!r}); {script}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert not {"dataclasses", "inspect", "typing", "re", "collections"} & set(done.stdout.split())
