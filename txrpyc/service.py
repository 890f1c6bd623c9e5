"""Services: what one side of a connection offers to the other. Pure: how they are run is each face's business."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, TypeVar, overload

__all__ = ["Offer", "does_nothing", "exposed", "nothing", "service"]

_F = TypeVar("_F")


class Offer:
    """What the services of both faces share. RPyC's conventions:

    - What the peer may reach is named ``exposed_...``, or marked with `exposed`.
    - A class ``FooService`` offers the service "FOO"; `ALIASES` gives other names.
    """

    ALIASES: ClassVar[Any] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the attributes that are marked by `exposed` their exposed names."""
        super().__init_subclass__(**kwargs)
        service(cls)

    def _rpyc_delattr(self, name: str) -> None:
        raise AttributeError(f"cannot delete {name!r} of a service")

    def _rpyc_setattr(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot set {name!r} of a service")

    @classmethod
    def get_service_aliases(cls) -> tuple[str, ...]:
        """Give the names of this service, in upper case."""
        if cls.ALIASES:
            return tuple(str(alias).upper() for alias in cls.ALIASES)
        name = cls.__name__.upper()
        return (name.removesuffix("SERVICE"),)

    @classmethod
    def get_service_name(cls) -> str:
        """Give the first of the service's names."""
        return cls.get_service_aliases()[0]

    exposed_get_service_aliases = get_service_aliases
    exposed_get_service_name = get_service_name


def nothing(method: _F) -> _F:
    """Mark a method that does nothing, so that nobody need call it."""
    method.does_nothing = True  # type: ignore[attr-defined]
    return method


def does_nothing(method: Any) -> bool:
    """Tell whether a method does nothing: it was marked by `nothing`, and not overridden."""
    return getattr(method, "does_nothing", None) is True


_C = TypeVar("_C", bound=type)
_MARK = "__exposed__"


@overload
def exposed(attribute: str) -> Callable[[_F], _F]: ...
@overload
def exposed(attribute: _F) -> _F: ...
def exposed(attribute: Any) -> Any:
    """Mark a method or a nested class as one that the peer may reach.

    Used as ``@exposed``, below any other decorator; or as ``@exposed("prefix_")`` where the connection's
    `exposed_prefix` is not ``"exposed_"``. In a subclass of a service that is all; another class needs the
    decorator `service` as well.

    Raises:
        TypeError: this cannot be marked.
    """
    if isinstance(attribute, str):
        return lambda content: _mark(content, attribute)
    return _mark(attribute, "exposed_")


def _mark(attribute: Any, prefix: str) -> Any:
    if not callable(attribute):
        raise TypeError(f"@exposed marks a function or a class, not {attribute!r}; put it below @property and the like")
    try:
        setattr(attribute, _MARK, prefix)
    except (AttributeError, TypeError) as error:
        raise TypeError(f"{attribute!r} cannot be marked by @exposed; mark a function that calls it") from error
    return attribute


def _prefix_of(attribute: Any) -> str | None:
    """Give the prefix that an attribute is marked with, also through a property, staticmethod or classmethod."""
    if isinstance(attribute, property):
        attribute = attribute.fget
    elif isinstance(attribute, cached_property):
        attribute = attribute.func
    elif isinstance(attribute, (staticmethod, classmethod)):
        attribute = attribute.__func__
    # Its own mark only: a marked class marks neither its subclasses nor its instances.
    prefix = getattr(attribute, "__dict__", {}).get(_MARK)
    return prefix if isinstance(prefix, str) else None


def service(cls: _C) -> _C:
    """Put each attribute of a class that is marked by `exposed` under its exposed name, too.

    An unmarked override of a marked method does not replace it: the exposed name stays the inherited one's, as in
    RPyC.
    """
    seen: set[str] = set()
    for number, kind in enumerate(cls.__mro__):
        for name, attribute in list(vars(kind).items()):
            prefix = _prefix_of(attribute) if name not in seen else None
            seen.add(name)
            if prefix is None or name.startswith(prefix):
                continue
            if isinstance(attribute, type):
                service(attribute)
            if not any(prefix + name in vars(nearer) for nearer in cls.__mro__[: number + 1]):
                setattr(cls, prefix + name, attribute)
    return cls
