"""The modules of the peer, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["ModuleNamespace"]


class ModuleNamespace:
    """Imports modules at the peer: ``modules.os.path`` or ``modules["xml.dom"]``. Each is asked for once.

    Args:
        getmodule: the peer's function that imports a module.
    """

    def __init__(self, getmodule: Callable[[str], Any]) -> None:
        self.__getmodule = getmodule
        self.__modules: dict[str, Any] = {}

    def __getitem__(self, name: str | tuple[str, ...]) -> Any:
        key = ".".join(name) if type(name) is tuple else str(name)
        if key not in self.__modules:
            self.__modules[key] = self.__getmodule(key)
        return self.__modules[key]

    def __contains__(self, name: str) -> bool:
        """Tell whether the peer finds such a module; importing it may still fail."""
        try:
            return self["importlib.util"].find_spec(name) is not None
        except ImportError:
            return False

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except ImportError as error:
            raise AttributeError(f"the peer has no module {name!r}") from error
