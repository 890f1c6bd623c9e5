"""RPyC's configuration dict of a connection, which programs read and assign to, over our frozen rules."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from txrpyc.core.config import DEFAULTS, FACTS, KEYS, SAFE_ATTRS, Rules, rules_among

__all__ = ["DEFAULT_CONFIG", "LiveConfig"]

_FACTS: dict[str, Any] = {
    "connid": None,
    "credentials": None,
    "endpoints": None,
    "logger": None,
    "before_closed": None,
    "close_catchall": False,
    "bind_threads": False,
}
_KNOWN = KEYS | FACTS
_connection_numbers = itertools.count(1)

DEFAULT_CONFIG: dict[str, Any] = {**DEFAULTS, "safe_attrs": set(SAFE_ATTRS), **_FACTS}
"""RPyC's keys, and ours, with what they are unless a connection is told otherwise. A program may change it;
connections made later obey.
"""


class LiveConfig(MutableMapping[str, Any]):
    """The settings of one connection. What is assigned takes effect with the next request.

    A key that is not known is kept, as programs of rpyc keep things of their own there, but a warning says which
    keys are.

    Args:
        settings: what differs from `DEFAULT_CONFIG`.

    Attributes:
        rules: the settings that are rules, as they are now.
        on_change: called with the new rules after each change of them; None, which it is at first, calls nobody.
    """

    __slots__ = ("_settings", "on_change", "rules")

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings: dict[str, Any] = dict(DEFAULT_CONFIG)
        self.on_change: Callable[[Rules], None] | None = None
        self._warn(settings)
        self._settings.update(settings)
        if self._settings["connid"] is None:
            self._settings["connid"] = f"conn{next(_connection_numbers)}"
        self.rules = rules_among(self._settings)

    def _warn(self, changes: Mapping[str, Any]) -> None:
        """Warn the caller's caller's caller of keys that are not known."""
        unknown = [key for key in changes if key not in _KNOWN and key not in self._settings]
        if unknown:
            unknown = sorted(map(str, unknown))
            known = ", ".join(sorted(_KNOWN))
            warnings.warn(f"unknown configuration {', '.join(unknown)}; known are {known}", stacklevel=4)

    def _change_rules(self, settings: dict[str, Any]) -> None:
        self.rules = rules_among(settings)
        self._settings = settings
        if self.on_change is not None:
            self.on_change(self.rules)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several settings, all of them or, if one has a wrong value, none."""
        changes = dict(*args, **kwargs)
        self._warn(changes)
        settings = {**self._settings, **changes}
        if KEYS.isdisjoint(changes):
            self._settings = settings
        else:
            self._change_rules(settings)

    def __getitem__(self, key: str) -> Any:
        return self._settings[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        settings = dict(self._settings)
        del settings[key]
        self._change_rules(settings)

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return repr(self._settings)

    def copy(self) -> dict[str, Any]:
        """Give the settings as a dict of their own."""
        return dict(self._settings)
