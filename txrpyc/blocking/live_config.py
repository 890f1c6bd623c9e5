"""RPyC's configuration dict of a connection, which programs read and assign to, over our frozen rules."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import asdict
from typing import Any

from txrpyc.core.config import FACTS, KEYS, Rules

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
_connection_numbers = itertools.count(1)

DEFAULT_CONFIG: dict[str, Any] = {**asdict(Rules()), "safe_attrs": set(Rules().safe_attrs), **_FACTS}
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
        on_change: called with the new rules after each change.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings: dict[str, Any] = dict(DEFAULT_CONFIG)
        self.rules = Rules()
        self.on_change: Callable[[Rules], None] = lambda rules: None
        self.update(settings)
        if self["connid"] is None:
            self["connid"] = f"conn{next(_connection_numbers)}"

    def _rebuild(self) -> None:
        self.rules = Rules().changed(**{key: self._settings[key] for key in KEYS if key in self._settings})
        self.on_change(self.rules)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several settings, all of them or, if one has a wrong value, none."""
        changes = dict(*args, **kwargs)
        unknown = sorted(str(key) for key in changes if key not in KEYS | FACTS and key not in self._settings)
        if unknown:
            known = ", ".join(sorted(KEYS | FACTS))
            warnings.warn(f"unknown configuration {', '.join(unknown)}; known are {known}", stacklevel=3)
        before = self._settings
        self._settings = {**before, **changes}
        try:
            self._rebuild()
        except Exception:
            self._settings = before
            raise

    def __getitem__(self, key: str) -> Any:
        return self._settings[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        del self._settings[key]
        self._rebuild()

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return repr(self._settings)

    def copy(self) -> dict[str, Any]:
        """Give the settings as a dict of their own."""
        return dict(self._settings)
