"""What a class that lives in no file does: its code as Python runs it, hashed.

A class of a notebook, of the prompt, or made by a function has no file to read. Its functions are compiled, though, and
travel to the workers so; what they compute is decided by their bytecode and by the values that they reach. Comments,
docstrings and the place in a cell change nothing; a constant of another cell that a function uses does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dis import get_instructions, hasconst
from functools import cached_property, partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

from suite.data.types import content_hash
from suite.keys import digest
from suite.sources import PRESENTATION

_BY_THE_CLASS = frozenset({
    "__module__", "__doc__", "__dict__", "__weakref__", "__qualname__", "__annotations__", "__abstractmethods__",
    "__firstlineno__", "__static_attributes__", "_abc_impl", "__orig_bases__", "__parameters__",
})  # fmt: skip
"""What Python keeps in every class."""
_SHOWN = PRESENTATION | {"name"}


def live_hash(cls: type[Any]) -> str:
    """Hash of a class that lives in no scanned file (a notebook): of its code and that of its bases."""
    return digest(description(cls))


def description(cls: type[Any]) -> list[Any]:
    """A JSON value that is equal for classes that do the same, in whichever process they are.

    It holds the class and its bases of the same module: their functions, their attributes, and what of that module
    the functions use.
    """
    return _Reader(cls.__module__).bases(cls)


class _Reader:
    """Describes objects of one module, each once."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._seen: set[int] = set()

    def bases(self, cls: type[Any]) -> list[Any]:
        self._seen.add(id(cls))
        return [self._members(base) for base in cls.__mro__ if base.__module__ == self._module]

    def _members(self, cls: type[Any]) -> list[Any]:
        self._seen.add(id(cls))
        members = {name: value for name, value in vars(cls).items() if name not in _BY_THE_CLASS | _SHOWN}
        return [[name, self.of(members[name])] for name in sorted(members)]

    def of(self, value: Any) -> Any:
        """A description of any value."""
        functions = list(_functions(value))
        if functions:
            return [type(value).__name__, *map(self._function, functions)]
        if isinstance(value, type) and value.__module__ == self._module:
            return [value.__name__] if id(value) in self._seen else self.bases(value)
        return self._data(value)

    def _function(self, function: Callable[..., Any]) -> Any:
        if not isinstance(function, FunctionType):
            return [type(function).__name__, getattr(function, "__qualname__", "")]
        if id(function.__code__) in self._seen:
            return function.__name__
        self._seen.add(id(function.__code__))
        code = function.__code__
        reached = [
            [name, self.of(function.__globals__[name])]
            for name in sorted(set(_names(code)))
            if name in function.__globals__ and self._is_ours(function.__globals__[name])
        ]
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        held = [[name, self.of(cell.cell_contents)] for name, cell in cells if name != "__class__" and _is_full(cell)]
        defaults = [self.of(value) for value in (function.__defaults__ or (), function.__kwdefaults__ or {})]
        return [_code(code), defaults, held, reached]

    def _is_ours(self, value: Any) -> bool:
        """Whether a global is a part of what the module does: a function or class of its own, or plain data."""
        if isinstance(value, ModuleType):
            return False
        if callable(value):
            return getattr(value, "__module__", None) == self._module
        return True

    def _data(self, value: Any) -> Any:
        if isinstance(value, (set, frozenset)):
            return [type(value).__name__, sorted(map(repr, value))]
        if isinstance(value, Mapping):
            return [[self._data(key), self.of(held)] for key, held in value.items()]
        if isinstance(value, (list, tuple)):
            return [self.of(held) for held in value]
        try:
            return content_hash(value)
        except (TypeError, ValueError, RecursionError):
            # An object of another library: what it holds cannot be told, what it is can.
            return f"{type(value).__module__}.{type(value).__qualname__}"


def _functions(value: Any) -> Iterator[Callable[..., Any]]:
    """The functions behind a member of a class; none if it is data."""
    if isinstance(value, (staticmethod, classmethod)):
        yield from _functions(value.__func__)
    elif isinstance(value, property):
        yield from (function for function in (value.fget, value.fset, value.fdel) if function is not None)
    elif isinstance(value, cached_property):
        yield value.func
    elif isinstance(value, partial):
        yield from _functions(value.func)
    elif hasattr(value, "__wrapped__"):
        yield from _functions(value.__wrapped__)
    elif isinstance(value, FunctionType):
        yield value


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _names(code: CodeType) -> Iterator[str]:
    """Globals that a function, or one inside it, looks up."""
    yield from (step.argval for step in get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code(code: CodeType) -> list[Any]:
    """What a function does, step by step: what a step works on is named, wherever the compiler keeps it.

    A docstring and positions in the source are no step.
    """
    steps = [
        [step.opname, _constant(step.argval) if step.opcode in hasconst else repr(step.argval)]
        for step in get_instructions(code)
        if step.opname != "EXTENDED_ARG"
    ]
    return [list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]), code.co_flags, steps]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    return repr(value)
