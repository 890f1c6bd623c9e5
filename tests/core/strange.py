"""
Objects that raise, or lie, when they are asked about themselves.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

__all__ = ["STRANGE", "StrangeError", "errors"]


class StrangeError(Exception):
    """What they raise. Nobody expects it."""


def _fail(*_arguments: Any) -> NoReturn:
    raise StrangeError("no")


class _Text(str):
    """A text that is not exactly one, so that brine does not take it."""


_failing = property(_fail)


class _FailingMeta(type):
    __module__ = _failing  # type: ignore[assignment]
    __name__ = _failing  # type: ignore[assignment]


class _Unprintable:
    __repr__ = __str__ = __format__ = _fail


class _Silent:
    __class__ = _failing  # type: ignore[assignment]
    __dir__ = __repr__ = __str__ = __hash__ = _fail


class _Mute:
    __getattribute__ = _fail


class _Module(ModuleType):
    __getattribute__ = _fail


class _ClaimsToBeClass:
    __class__ = type  # type: ignore[assignment]


class _OddMethods:
    """Names that are no plain texts, and descriptors that fail."""

    @property
    def fails(self) -> NoReturn:
        _fail()

    silent = _Silent()


_odd_module = type("OddModule", (), {"__module__": _Unprintable()})
_surrogate = type("Surrogate", (), {"__module__": "na\udc80me"})
_failing_class = _FailingMeta("FailingClass", (), {})
_named = ModuleType("named")
_named.__name__ = _Text("sys")
_unnamed = ModuleType("unnamed")
del _unnamed.__name__
_documented = type("Documented", (), {"method": lambda self: None})
_documented.method.__doc__ = _Text("text")  # type: ignore[attr-defined]
_surrogate_docs = type("SurrogateDocs", (), {"method": lambda self: None, "m\udc80": len})
_surrogate_docs.method.__doc__ = "\udc80"  # type: ignore[attr-defined]

STRANGE: dict[str, Any] = {
    "unprintable": _Unprintable(),
    "silent": _Silent(),
    "mute": _Mute(),
    "module that fails": _Module("failing"),
    "claims to be a class": _ClaimsToBeClass(),
    "class with an odd module": _odd_module,
    "instance of a class with an odd module": _odd_module(),
    "class of a failing metaclass": _failing_class,
    "instance of a class of a failing metaclass": _failing_class(),
    "odd methods": _OddMethods(),
    "surrogate in the module's name": _surrogate,
    "instance of a class with a surrogate in the module's name": _surrogate(),
    "module with a surrogate in the name": ModuleType("na\udc80me"),
    "module with an odd name": _named,
    "module without a name": _unnamed,
    "odd docstring": _documented(),
    "surrogates in the methods": _surrogate_docs(),
}


class _FailingDir(Exception):
    __dir__ = _fail


class _FailingArgs(Exception):
    args = _failing


class _NoArgs(Exception):
    args = None  # type: ignore[assignment]


class _FailingText(Exception):
    __str__ = __repr__ = _fail


class _FailingAttribute(Exception):
    attribute = _failing
    unprintable = _Unprintable()
    silent = _Silent()
    mute = _Mute()


def errors() -> dict[str, BaseException]:
    """Give new exceptions, with arguments and attributes that cannot be sent or even looked at."""
    deep: Any = ()
    for _ in range(500):
        deep = (deep,)
    table = {
        "dir fails": _FailingDir("text"),
        "args fail": _FailingArgs("text"),
        "args are none": _NoArgs("text"),
        "text fails": _FailingText("text"),
        "attribute fails": _FailingAttribute("text"),
        "class of a failing metaclass": _FailingMeta("FailingError", (Exception,), {})("text"),
        "class without a module": type("NoModuleError", (Exception,), {"__module__": 5})("text"),
        "surrogate in the module's name": type("E", (Exception,), {"__module__": "\udc80"})("text"),
        "deep": ValueError(deep),
        "surrogate": ValueError("\udc80"),
        "huge integer": ValueError(10**5000),
        "in a tuple": ValueError((1, ("\udc80", 10**5000, object()))),
    }
    for name, value in STRANGE.items():
        table[f"argument: {name}"] = ValueError("text", value)
        table[f"attribute: {name}"] = ValueError("text")
        table[f"attribute: {name}"].attribute = value  # type: ignore[attr-defined]
    odd = ValueError("text")
    odd.__dict__[_Text("attribute")] = odd.__dict__["a\udc80"] = odd.__dict__["plain"] = 5
    table["odd attributes"] = odd
    return table
