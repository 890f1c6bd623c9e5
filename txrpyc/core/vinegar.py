"""Vinegar: how RPyC carries exceptions.

An exception travels as ``((module, class name), arguments, attributes, traceback text)``, all brine; StopIteration as
the number 1. Loading makes an instance of a builtin class, or of `GenericException` when the class is not
builtin and the rules do not allow more. Nothing is imported or called that the rules do not allow.
"""

from __future__ import annotations

import builtins
import inspect
import sys
import traceback
from functools import lru_cache
from types import ModuleType
from typing import Any

from txrpyc.core import brine
from txrpyc.core.config import Rules
from txrpyc.core.consts import EXC_STOP_ITERATION
from txrpyc.errors import EncodingError, ProtocolError, TxRPyCError

__all__ = ["GenericException", "dump", "load", "name_of"]

_REMOTE_TRACEBACK = "\n\n========= Remote Traceback "
"""How rpyc marks each hop in the text of an exception; it counts the hops by this."""

_MODULE_NAMES: Any = vars(ModuleType)["__dict__"]


class GenericException(Exception):
    """Stands for an exception of the peer's whose class is not made here. The class's name is ``module.Class``."""


# Sending.


def name_of(kind: type) -> str:
    """Give the name of a class without asking its metaclass."""
    return f"{type.__dict__['__name__'].__get__(kind)}"


def _sendable(value: Any) -> Any:
    """Give the value if it can be written, else its repr as ASCII, else a note that even that failed."""
    try:
        brine.dump(value)
    except (brine.NotBrinable, EncodingError):
        try:
            return ascii(value)[1:-1] if type(value) is str else _printable(repr(value))
        except Exception:
            return f"<{name_of(type(value))}: its repr failed>"
    return value


def _attributes(error: BaseException) -> list[tuple[str, Any]]:
    attributes: list[tuple[str, Any]] = []
    try:
        names = [name for name in dir(error) if type(name) is str and name == _printable(name)]
    except Exception:
        return attributes
    for name in names:
        if name.startswith("_") or name == "args":
            continue
        try:
            value = getattr(error, name)
            # rpyc sends the repr of each method as well, and its reader then puts that text in the method's place.
            if inspect.isroutine(value):
                continue
        except Exception:
            continue
        attributes.append((name, _sendable(value)))
    return attributes


def _arguments(error: BaseException) -> tuple[Any, ...]:
    try:
        return tuple(map(_sendable, error.args))
    except Exception:
        return ()


def _class_name(kind: type[BaseException]) -> tuple[str, str]:
    if issubclass(kind, TxRPyCError):
        # The peer may be rpyc, and ours are unknown there: send the builtin that each also is.
        kind = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    try:
        return _printable(str(kind.__module__)), str(kind.__name__)
    except Exception:
        return "<unknown>", name_of(kind)


def _text(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        text = f"{name_of(type(error))}: <the traceback could not be written>\n"
    return _printable(text)


def _printable(text: str) -> str:
    """Give a text with any lone surrogate, which could not be written, as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def dump(error: BaseException, rules: Rules, version: str) -> Any:
    """Give the brinable record of an exception.

    Args:
        error: the exception, with its traceback.
        rules: `include_local_traceback` and `include_local_version` are obeyed.
        version: the RPyC version to name.
    """
    if type(error) is StopIteration:
        return EXC_STOP_ITERATION
    attributes = _attributes(error)
    attributes.append(("_remote_version", version if rules.include_local_version else "<version denied>"))
    text = _text(error) if rules.include_local_traceback else "<traceback denied>"
    return _class_name(type(error)), _arguments(error), tuple(attributes), text


# Receiving.


def load(record: Any, rules: Rules) -> BaseException:
    """Make an exception, ready to be raised, of a record.

    Args:
        record: what `dump`, or rpyc, made.
        rules: `instantiate_custom_exceptions` and `import_custom_exceptions` are obeyed.

    Raises:
        ProtocolError: it is no such record.
    """
    if type(record) is int and record == EXC_STOP_ITERATION:
        return StopIteration()
    if type(record) is str:
        return GenericException(record)
    try:
        (module, name), arguments, attributes, text = record
        attributes = [(key, value) for key, value in attributes]
    except (TypeError, ValueError) as fault:
        raise ProtocolError("an exception message that is not a record of four parts") from fault
    if type(module) is not str or type(name) is not str or type(arguments) is not tuple or type(text) is not str:
        raise ProtocolError("an exception message with parts of wrong types")
    try:
        error = _make(_find_class(module, name, rules) or _generic_class(module, name), arguments)
    except Exception:
        # An exception group cannot be made without its members, which do not travel. A custom class may refuse
        # anything.
        error = _make(_generic_class(module, name), arguments)
    for key, value in attributes:
        try:
            if _settable(error, key, value):
                setattr(error, key, value)
        except Exception:
            continue
    # Not by the class, which may have a __setattr__ of its own.
    object.__setattr__(error, "_remote_tb", text)
    return error


def _make(kind: type[BaseException], arguments: tuple[Any, ...]) -> BaseException:
    derived = _with_remote_traceback(kind)  # type: ignore[arg-type]  # mypy: "not hashable"
    error = derived.__new__(derived)
    if not isinstance(error, derived):
        raise TypeError(f"{name_of(kind)}.__new__ gives something else")
    error.args = arguments
    return error


def _settable(error: BaseException, key: Any, value: Any) -> bool:
    # A leading underscore is one of rpyc's own (_remote_version), never a dunder: those steer the interpreter.
    if type(key) is not str or key.startswith("__") or inspect.isroutine(getattr(type(error), key, None)):
        return False
    if value is None and getattr(error, key, error) is None:
        # An OSError whose second file name is set, if only to None, shows it.
        return False
    if isinstance(error, UnicodeError):
        # To make its text the interpreter reads the object at the start, and many releases of it check neither.
        if key == "object":
            return type(value) is (bytes if isinstance(error, UnicodeDecodeError) else str)
        if key in ("start", "end"):
            return type(value) is int and value >= 0
    return True


def _find_class(module: str, name: str, rules: Rules) -> type[BaseException] | None:
    if module == "builtins":
        namespace: dict[str, Any] = vars(builtins)
    elif rules.instantiate_custom_exceptions:
        if rules.import_custom_exceptions and module not in sys.modules:
            try:
                __import__(module)
            except Exception:
                return None
        # Neither getattr() nor vars(): a module's own __getattr__ is code, and is not ours to run.
        loaded = sys.modules.get(module)
        namespace = _MODULE_NAMES.__get__(loaded) or {} if issubclass(type(loaded), ModuleType) else {}
    else:
        return None
    kind: Any = namespace.get(name)
    return kind if issubclass(type(kind), type) and issubclass(kind, BaseException) else None


@lru_cache(maxsize=1000)
def _generic_class(module: str, name: str) -> type[BaseException]:
    # The name of a class holds no null character.
    return type(f"{module}.{name}".replace("\0", "\\0"), (GenericException,), {"__module__": f"{__name__}/{module}"})


@lru_cache(maxsize=1000)
def _with_remote_traceback(kind: type[BaseException]) -> type[BaseException]:
    """Give a subclass that shows the remote traceback after its own text, as RPyC's exceptions do."""

    def __str__(self: BaseException) -> str:
        try:
            text = kind.__str__(self)
        except Exception:
            text = "<this exception's text could not be made>"
        remote = getattr(self, "_remote_tb", None)
        if not isinstance(remote, str):
            return text
        hops = remote.count(_REMOTE_TRACEBACK) + 1
        return f"{text}{_REMOTE_TRACEBACK}({hops}) =========\n{remote}"

    namespace = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__str__": __str__,
        "__repr__": __str__,
    }
    return type(kind.__name__, (kind,), namespace)
