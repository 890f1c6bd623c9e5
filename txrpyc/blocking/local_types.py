"""The local classes that the names in identities stand for."""

from __future__ import annotations

import sys
import types
from typing import Any

from txrpyc.core.identity import identify

__all__ = ["BUILTINS", "find_local"]

_BUILTIN_TYPES: tuple[type, ...] = (
    type, object, bool, complex, dict, float, int, list, slice, str, tuple, set, frozenset, bytes, bytearray,
    memoryview, BaseException, Exception, type(None), type(iter([])), type(iter(())), type(iter(set())),
    type(iter(range(1))), types.BuiltinFunctionType, types.CodeType, types.FrameType, types.FunctionType,
    types.GeneratorType, types.MappingProxyType, types.MethodType, types.MethodWrapperType, types.ModuleType,
    types.TracebackType, types.WrapperDescriptorType,
)  # fmt: skip
BUILTINS = {identify(kind)[0]: kind for kind in _BUILTIN_TYPES}
"""By the name in their identities. They need no inspection, because every Python has them; rpyc never asks for
them, either.
"""


def find_local(name: str) -> Any:
    """Give the local class of a dotted name, or the class of modules for a module's; None if there is none loaded."""
    if name in BUILTINS:
        return BUILTINS[name]
    if name in sys.modules:
        return types.ModuleType
    module, _, attribute = name.rpartition(".")
    # vars(), not getattr(): the name is the peer's, and a module's own __getattr__ is code.
    found = vars(sys.modules[module]).get(attribute) if module in sys.modules else None
    # By its type: a program's name may hold a netref, which would be asked for its class.
    return found if issubclass(type(found), type) else None
