"""Data classes and named tuples for the way of a credential, without what the standard library's load.

`dataclasses` loads `inspect` and compiles code for each class, `typing` builds much that only type checkers need: a
third of the time of a refresh. Here is what the hot path uses of them, under the same names and with the same meaning;
type checkers see the real ones. `dataclasses.replace`, `fields` and `asdict` take these classes too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import asdict as asdict
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol
else:
    from operator import itemgetter

    Protocol = object
    _MISSING = object()

    class _Field:
        """What `field` says of one field."""

        def __init__(self, **said):
            self.said = said
            self.default = said.get("default", _MISSING)
            self.shown = said.get("repr", True)
            self.compared = said.get("compare", True)

        def value(self, cls, name):
            """The value of an instance that is made without one. Raises TypeError where it needs one."""
            if "default_factory" in self.said:
                return self.said["default_factory"]()
            if self.default is _MISSING:
                raise TypeError(f"{cls.__name__} needs {name}")
            return self.default

    def field(**said):
        """`default`, `default_factory`, `repr` and `compare`; for more use the standard library's."""
        return _Field(**said)

    def dataclass(cls=None, /, *, frozen=False):
        """Make `cls` a data class; with `frozen` one that cannot be changed and has a hash."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen)
        fields = {}
        for base in reversed(cls.__mro__[1:]):
            fields.update(base.__dict__.get("__record_fields__", {}))
        for name in cls.__annotations__:
            said = cls.__dict__.get(name, _MISSING)
            if isinstance(said, _Field):
                fields[name] = said
                if said.default is _MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, said.default)
            else:
                fields[name] = _Field() if said is _MISSING else _Field(default=said)
        own = {
            "__record_fields__": fields,
            "__dataclass_fields__": _StandardFields(),
            "__dataclass_params__": _Parameters(frozen),
            "__match_args__": tuple(fields),
            "__init__": _make_init(cls, fields),
            "__repr__": _repr,
            "__eq__": _eq,
            "__hash__": _hash if frozen else None,
        }
        if frozen:
            own["__setattr__"] = own["__delattr__"] = _refuse_change
        for name, value in own.items():
            # What the class itself says wins; Python sets `__hash__` to None where it has an `__eq__`.
            if cls.__dict__.get(name) is None:
                setattr(cls, name, value)
        return cls

    def _make_init(cls, fields):
        names = tuple(fields)
        goes_on = hasattr(cls, "__post_init__")

        def __init__(self, *args, **kwargs):
            values = self.__dict__  # past the refusal of changes
            values.update(zip(names, args, strict=False))
            if len(args) > len(names) or not (kwargs.keys() <= fields.keys() - values.keys()):
                raise TypeError(f"{cls.__name__} takes {', '.join(names)}, each once")
            values.update(kwargs)
            if len(values) < len(names):
                for name in names:
                    if name not in values:
                        values[name] = fields[name].value(cls, name)
            if goes_on:
                self.__post_init__()

        return __init__

    def _compared(self):
        return [self.__dict__[name] for name, one in self.__record_fields__.items() if one.compared]

    def _repr(self):
        shown = [f"{name}={self.__dict__[name]!r}" for name, one in self.__record_fields__.items() if one.shown]
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _eq(self, other):
        return _compared(self) == _compared(other) if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash(tuple(_compared(self)))

    def _refuse_change(_self, name, *_):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def replace(instance, /, **changes):
        """A copy of `instance` with `changes`."""
        kept = {name: value for name, value in _fields_of(instance) if name not in changes}
        return type(instance)(**kept, **changes)

    def asdict(instance):
        """The fields of `instance` by name; data classes within it become dictionaries too."""
        return {name: _as_plain(value) for name, value in _fields_of(instance)}

    def _fields_of(instance):
        return [(name, instance.__dict__[name]) for name in instance.__record_fields__]

    def _as_plain(value):
        if hasattr(type(value), "__record_fields__"):
            return asdict(value)
        if type(value) in (list, tuple):
            return type(value)([_as_plain(each) for each in value])
        if type(value) is dict:
            return {key: _as_plain(each) for key, each in value.items()}
        return value

    class _StandardFields:
        """The fields as the standard library's functions look for them, made when they do."""

        def __get__(self, _instance, cls):
            import dataclasses

            made = [(name, "object", dataclasses.field(**one.said)) for name, one in cls.__record_fields__.items()]
            return dataclasses.make_dataclass(cls.__name__, made).__dataclass_fields__

    class _Parameters:
        """What a data class of the standard library asks of one that it extends."""

        def __init__(self, frozen):
            self.frozen = frozen

    class NamedTuple(tuple):
        """A tuple whose places have names."""

        __slots__ = ()

        def __init_subclass__(cls):
            cls._fields = cls.__match_args__ = names = tuple(cls.__annotations__)
            cls._field_defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
            for place, name in enumerate(names):
                setattr(cls, name, property(itemgetter(place)))

        def __new__(cls, *args, **kwargs):
            names = cls._fields
            if len(args) == len(names) and not kwargs:
                return tuple.__new__(cls, args)
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            values = {**cls._field_defaults, **given}
            if len(given) < len(args) + len(kwargs) or values.keys() != set(names):
                raise TypeError(f"{cls.__name__} takes {', '.join(names)}, each once")
            return tuple.__new__(cls, [values[name] for name in names])

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            shown = [f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)]
            return f"{type(self).__qualname__}({', '.join(shown)})"

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})
