"""The attribute policy: which name of a lent object a peer reaches, if any.

RPyC's rules. An object's class may take an access over with ``_rpyc_getattr(name)``, ``_rpyc_setattr(name, value)`` or
``_rpyc_delattr(name)``; then nothing else is asked.
"""

from __future__ import annotations

import inspect
from typing import Any

from txrpyc.core.config import Rules

__all__ = ["delete_attribute", "foreign_name", "get_attribute", "reachable_name", "set_attribute"]


def _answers(value: Any, name: str) -> bool:
    """Tell whether an attribute can be got, or fails with something else than that it is not there."""
    try:
        getattr(value, name)
    except AttributeError:
        return False
    except Exception:
        return True
    return True


def _has(value: Any, name: str) -> bool:
    """Tell whether there is such an attribute, also when getting it fails."""
    if _answers(value, name):
        return True
    try:
        inspect.getattr_static(value, name)
    except AttributeError:
        return False
    return True


def reachable_name(value: Any, name: str, rules: Rules, permission: str) -> str:
    """Give the name under which the peer's `name` is found on a local object.

    Args:
        value: the object.
        name: what the peer asked for.
        rules: the rules of the connection.
        permission: the rule that allows the kind of access: "allow_getattr", "allow_setattr" or "allow_delattr".

    Raises:
        AttributeError: the rules refuse it; the message says which would allow it.
    """
    prefix, plain = _judge(name, rules, permission)
    exposed = bool(prefix) and _has(value, prefix + name)
    if exposed and not (plain and _answers(value, name)):
        return prefix + name
    if plain:
        return name
    raise _refused(name)


def foreign_name(name: Any, rules: Rules, permission: str) -> str:
    """Give the name under which a peer's `name` is to be asked for on an object of another peer's, which alone can
    tell what is there. Otherwise like `reachable_name`.
    """
    text = _name_of(name)
    prefix, plain = _judge(text, rules, permission)
    if not plain and not prefix:
        raise _refused(text)
    return text if plain else prefix + text


def _judge(name: str, rules: Rules, permission: str) -> tuple[str, bool]:
    """Give the prefix of exposed names, if those may be reached; and whether the name may be reached as it is."""
    allowed = rules.allow_getattr if permission == "allow_getattr" else getattr(rules, permission)
    if not allowed:
        raise AttributeError(f"cannot access {name!r}: the setting {permission} of the object's side is off")
    prefix = rules.exposed_prefix if rules.allow_exposed_attrs else ""
    plain = (
        rules.allow_all_attrs
        or bool(prefix and name.startswith(prefix))
        or (rules.allow_safe_attrs and name in rules.safe_attrs)
        or (rules.allow_public_attrs and not name.startswith("_"))
    )
    return prefix, plain


def _refused(name: str) -> AttributeError:
    return AttributeError(
        f"cannot access {name!r}: it is neither exposed nor public by the settings of the object's side "
        "(@exposed, allow_public_attrs, allow_all_attrs)"
    )


def _name_of(name: Any) -> str:
    if type(name) is bytes:
        return name.decode("utf-8")
    if type(name) is not str:
        raise TypeError(f"an attribute's name is a str, not {type(name).__name__}")
    return name


def get_attribute(value: Any, name: Any, rules: Rules) -> Any:
    """Give an attribute to a peer. Raises AttributeError if it may not have it, and whatever the object raises."""
    name = _name_of(name)
    hook = getattr(type(value), "_rpyc_getattr", None)
    if hook is not None:
        return hook(value, name)
    prefix, plain = _judge(name, rules, "allow_getattr")
    if plain or prefix:
        # The commonest, without asking for it twice: it is there.
        try:
            return getattr(value, name if plain else prefix + name)
        except AttributeError:
            pass
    return getattr(value, reachable_name(value, name, rules, "allow_getattr"))


def set_attribute(value: Any, name: Any, content: Any, rules: Rules) -> None:
    """Set an attribute for a peer. Raises as `get_attribute`."""
    name = _name_of(name)
    hook = getattr(type(value), "_rpyc_setattr", None)
    if hook is not None:
        hook(value, name, content)
    else:
        setattr(value, reachable_name(value, name, rules, "allow_setattr"), content)


def delete_attribute(value: Any, name: Any, rules: Rules) -> None:
    """Delete an attribute for a peer. Raises as `get_attribute`."""
    name = _name_of(name)
    hook = getattr(type(value), "_rpyc_delattr", None)
    if hook is not None:
        hook(value, name)
    else:
        delattr(value, reachable_name(value, name, rules, "allow_delattr"))
