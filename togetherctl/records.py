"""Data classes for the way of a credential: what `dataclasses` does, without loading `inspect` and compiling code.

The same names with the same meaning; type checkers see the standard library's. `fields`, `replace` and `asdict` of the
standard library take these classes too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, replace
    from typing import NamedTuple, Protocol
else:
    from operator import itemgetter

    Protocol = object
    _MISSING = object()

    class NamedTuple(tuple):
        """A tuple whose places have names."""

        __slots__ = ()

        def __init_subclass__(cls):
            names = tuple(cls.__annotations__)
            cls._fields = cls.__match_args__ = names
            cls._field_defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
            for place, name in enumerate(names):
                setattr(cls, name, property(itemgetter(place)))

        def __new__(cls, *args, **kwargs):
            names = cls._fields
            if kwargs or len(args) != len(names):
                if len(args) > len(names) or not set(kwargs) <= set(names[len(args) :]):
                    raise TypeError(f"{cls.__name__} takes {', '.join(names)}")
                given = {**cls._field_defaults, **dict(zip(names, args, strict=False)), **kwargs}
                if len(given) < len(names):
                    raise TypeError(f"{cls.__name__} needs {', '.join(name for name in names if name not in given)}")
                args = [given[name] for name in names]
            return tuple.__new__(cls, args)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            said = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({said})"

    class _Field:
        """What `field` says of one field."""

        def __init__(self, default, default_factory, repr, compare):
            self.default = default
            self.default_factory = default_factory
            self.repr = repr
            self.compare = compare

    class _Parameters:
        """What a data class of the standard library asks of one that it extends."""

        def __init__(self, frozen):
            self.frozen = frozen

    def field(*, default=_MISSING, default_factory=_MISSING, repr=True, compare=True):
        """A field's default, and whether the repr shows it; for the rest use the standard library's."""
        return _Field(default, default_factory, repr, compare)

    def dataclass(cls=None, /, *, frozen=False):
        """Make `cls` a data class; with `frozen` an immutable one that has a hash."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen)
        fields = {}
        for base in reversed(cls.__mro__[1:]):
            fields.update(base.__dict__.get("__record_fields__", {}))
        for name in cls.__annotations__:
            default = cls.__dict__.get(name, _MISSING)
            one = default if isinstance(default, _Field) else _Field(default, _MISSING, True, True)
            fields[name] = one
            if one is default:
                if one.default is _MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, one.default)
        own = {
            "__record_fields__": fields,
            "__dataclass_fields__": _StandardFields(),
            "__dataclass_params__": _Parameters(frozen),
            "__match_args__": tuple(fields),
            "__init__": _init_of(cls, fields),
            "__repr__": _repr,
            "__eq__": _eq,
            "__hash__": _hash if frozen else None,
            **({"__setattr__": _refuse_change, "__delattr__": _refuse_change} if frozen else {}),
        }
        for name, value in own.items():
            # The class's own wins; a class with an __eq__ of its own has `__hash__ = None` from Python itself.
            if name not in cls.__dict__ or (name == "__hash__" and cls.__dict__[name] is None):
                setattr(cls, name, value)
        return cls

    def _init_of(cls, fields):
        names = tuple(fields)
        has_more = hasattr(cls, "__post_init__")

        def __init__(self, *args, **kwargs):
            values = self.__dict__
            if len(args) > len(names):
                raise TypeError(f"{cls.__name__} takes {len(names)} values, not {len(args)}")
            values.update(zip(names, args, strict=False))
            for name, value in kwargs.items():
                if name in values or name not in fields:
                    raise TypeError(f"{cls.__name__} got {name} " + ("twice" if name in values else "and has none"))
                values[name] = value
            if len(values) < len(names):
                for name, one in fields.items():
                    if name in values:
                        continue
                    if one.default_factory is not _MISSING:
                        values[name] = one.default_factory()
                    elif one.default is not _MISSING:
                        values[name] = one.default
                    else:
                        raise TypeError(f"{cls.__name__} needs {name}")
            if has_more:
                self.__post_init__()

        return __init__

    def _values(self):
        return tuple([self.__dict__[name] for name, one in self.__record_fields__.items() if one.compare])

    def _repr(self):
        shown = (f"{name}={getattr(self, name)!r}" for name, one in self.__record_fields__.items() if one.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _eq(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _values(self) == _values(other)

    def _hash(self):
        return hash(_values(self))

    def _refuse_change(self, name, *_):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be changed")

    def replace(instance, /, **changes):
        """A copy of `instance` with `changes`."""
        return type(instance)(
            **{name: instance.__dict__[name] for name in instance.__record_fields__ if name not in changes}, **changes
        )

    def asdict(instance):
        """The fields of `instance` by name, those of data classes within it too."""
        return {name: _plain(instance.__dict__[name]) for name in instance.__record_fields__}

    def _plain(value):
        if hasattr(type(value), "__record_fields__"):
            return asdict(value)
        if isinstance(value, (list, tuple)):
            return [_plain(each) for each in value]
        if isinstance(value, dict):
            return {key: _plain(each) for key, each in value.items()}
        return value

    class _StandardFields:
        """The fields as the standard library's functions look for them, made when they do."""

        def __get__(self, _instance, cls):
            from dataclasses import field as standard_field
            from dataclasses import make_dataclass

            made = []
            for name, one in cls.__record_fields__.items():
                given = {"repr": one.repr, "compare": one.compare}
                if one.default_factory is not _MISSING:
                    given["default_factory"] = one.default_factory
                elif one.default is not _MISSING:
                    given["default"] = one.default
                made.append((name, "object", standard_field(**given)))
            return make_dataclass(cls.__name__, made, namespace={"__doc__": ""}).__dataclass_fields__
