"""The rules of one side of a connection: RPyC's configuration keys, and ours, as a frozen record.

Facts about a connection (`connid`, `credentials`, `endpoints`) and RPyC's hooks (`logger`, `before_closed`) are not
rules; they live with the connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from txrpyc.core.frame import DEFAULT_LIMIT
from txrpyc.errors import ConfigurationError

__all__ = ["DEFAULTS", "FACTS", "KEYS", "SAFE_ATTRS", "Rules", "make_rules", "rules_among"]

_ARITHMETIC = [
    "add",
    "and",
    "div",
    "divmod",
    "floordiv",
    "lshift",
    "mod",
    "mul",
    "or",
    "pow",
    "rshift",
    "sub",
    "truediv",
    "xor",
]
_INPLACE = ["add", "and", "div", "floordiv", "lshift", "mod", "mul", "or", "pow", "rshift", "sub", "truediv", "xor"]
_PLAIN = [
    "abs",
    "bool",
    "cmp",
    "contains",
    "delitem",
    "delslice",
    "doc",
    "enter",
    "eq",
    "exit",
    "float",
    "format",
    "ge",
    "getitem",
    "getslice",
    "gt",
    "hash",
    "hex",
    "index",
    "int",
    "invert",
    "iter",
    "le",
    "len",
    "length_hint",
    "long",
    "lt",
    "ne",
    "neg",
    "new",
    "next",
    "nonzero",
    "oct",
    "pos",
    "repr",
    "setitem",
    "setslice",
    "str",
]

SAFE_ATTRS: Final = frozenset(
    [f"__{name}__" for name in _PLAIN + _ARITHMETIC]
    + [f"__r{name}__" for name in _ARITHMETIC]
    + [f"__i{name}__" for name in _INPLACE]
    + ["next"]
)
"""RPyC's names that may be reached on any lent object: the operators and protocols of the language."""

FACTS: Final = frozenset(
    ["connid", "credentials", "endpoints", "logger", "before_closed", "close_catchall", "bind_threads"]
)
"""The keys of RPyC's configuration that are not rules."""


@dataclass(frozen=True)
class Rules:
    """What a peer may do and how we speak to it. RPyC's keys have RPyC's names, meanings and defaults.

    Attributes:
        allow_safe_attrs: whether `safe_attrs` may be reached.
        allow_exposed_attrs: whether names with `exposed_prefix` may be reached, with or without it.
        allow_public_attrs: whether names without a leading underscore may be reached.
        allow_all_attrs: whether every name may be reached.
        safe_attrs: names that are safe on any object.
        exposed_prefix: what the names of exposed attributes start with.
        allow_getattr, allow_setattr, allow_delattr: whether attributes may be read, set and deleted at all.
        allow_pickle: whether the peer may ask for a pickle of our objects.
        include_local_traceback, include_local_version: whether exceptions carry our traceback and version.
        instantiate_custom_exceptions: whether exception classes of loaded modules are made, not only builtin ones.
        import_custom_exceptions: whether their modules may even be imported for that.
        instantiate_oldstyle_exceptions: without effect under Python 3; RPyC has it.
        propagate_SystemExit_locally, propagate_KeyboardInterrupt_locally: whether such an exception in a served
            call ends the serving thread instead of travelling to the caller.
        log_exceptions: without effect in rpyc 6; kept for its programs.
        sync_request_timeout: seconds that a blocking call waits for its answer; None means for ever.
        max_frame: the longest message, in bytes, that is sent or accepted, before compression and after inflation.
        high_water: bytes that may wait to be sent, because the peer does not take them; while there are more, nothing
            of the peer's is begun or read, and who sends waits.
        compression: "auto" compresses long messages unless the peer is on this machine, "always" as rpyc does,
            "never" not.
        ping_interval: seconds of quiet after which the peer is asked whether it is still there; None never asks. Only
            for a peer that answers while it is idle. See `txrpyc.heartbeat`.
        ping_patience: seconds that it may take to answer that; None means `ping_interval`.
        protocol_version: 6 or 5, the major version of rpyc whose envelope is spoken first; None finds out.
    """

    allow_safe_attrs: bool = True
    allow_exposed_attrs: bool = True
    allow_public_attrs: bool = False
    allow_all_attrs: bool = False
    safe_attrs: frozenset[str] = SAFE_ATTRS
    exposed_prefix: str = "exposed_"
    allow_getattr: bool = True
    allow_setattr: bool = False
    allow_delattr: bool = False
    allow_pickle: bool = False
    include_local_traceback: bool = True
    include_local_version: bool = True
    instantiate_custom_exceptions: bool = False
    import_custom_exceptions: bool = False
    instantiate_oldstyle_exceptions: bool = False
    propagate_SystemExit_locally: bool = False
    propagate_KeyboardInterrupt_locally: bool = True
    log_exceptions: bool = True
    sync_request_timeout: float | None = 30
    max_frame: int = DEFAULT_LIMIT
    high_water: int = 1 << 24
    compression: str = "auto"
    ping_interval: float | None = None
    ping_patience: float | None = None
    protocol_version: int | None = None

    def changed(self, **settings: Any) -> Rules:
        """Give the same rules with some settings replaced. Raises as `make_rules`."""
        return make_rules({**vars(self), **settings})


DEFAULTS: Final[Mapping[str, Any]] = {field.name: field.default for field in fields(Rules)}
"""All rules, as they are unless they are set."""

KEYS: Final = frozenset(DEFAULTS)
"""The names of all rules."""

_values_of = itemgetter(*DEFAULTS)
_shared_rules = lru_cache(maxsize=100)(Rules)


def _frozen(names: Any) -> frozenset[str]:
    """Give names as a frozenset, of which there is only one for the usual names: it takes 8 KiB."""
    return SAFE_ATTRS if names == SAFE_ATTRS else frozenset(names)


def make_rules(settings: Mapping[str, Any] | None = None) -> Rules:
    """Give the default rules with these settings replaced; None replaces nothing.

    Raises:
        ConfigurationError: a key is not one of RPyC's or ours; the message lists those. Or a value is not one of
            the few it can be.
    """
    settings = settings or {}
    if not settings.keys() <= KEYS:
        unknown = ", ".join(map(repr, sorted(settings.keys() - KEYS)))
        raise ConfigurationError(f"unknown configuration {unknown}; known are {', '.join(sorted(KEYS))}")
    return rules_among(settings)


def rules_among(settings: Mapping[str, Any]) -> Rules:
    """Do as `make_rules`, but leave aside keys that are not rules. Connections with the same rules share the record.

    Raises:
        ConfigurationError: a value is not one of the few it can be.
    """
    values = {**DEFAULTS, **settings}
    if values["compression"] not in ("auto", "always", "never"):
        raise ConfigurationError(f"compression is 'auto', 'always' or 'never', not {values['compression']!r}")
    if values["protocol_version"] not in (None, 5, 6):
        raise ConfigurationError(f"protocol_version is 5, 6 or None, not {values['protocol_version']!r}")
    if not isinstance(values["high_water"], int) or values["high_water"] < 0:
        raise ConfigurationError(f"high_water is a number of bytes, 0 or more, not {values['high_water']!r}")
    for name in ("ping_interval", "ping_patience"):
        seconds = values[name]
        if seconds is not None and (not isinstance(seconds, (int, float)) or not seconds > 0):
            raise ConfigurationError(f"{name} is a number of seconds above 0, or None, not {seconds!r}")
    values["safe_attrs"] = _frozen(values["safe_attrs"])
    try:
        return _shared_rules(*_values_of(values))
    except TypeError:  # a value that cannot be hashed, and that nobody expected
        return Rules(*_values_of(values))
