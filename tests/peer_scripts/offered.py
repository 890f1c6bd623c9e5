"""What the servers of the tests of the Deferred face offer: to be mixed into a service, of rpyc or of txrpyc.

Nothing here waits for the client, so that it means the same in both.
"""

SETTINGS = {"allow_public_attrs": True, "allow_setattr": True, "allow_delattr": True}
"""The configuration of such a server."""


class Custom(Exception):
    """An exception of a class that clients do not know."""


class Thing:
    """Something with most of what Python objects have."""

    kind = "thing"

    def __init__(self, *items):
        self.items = list(items)
        self.table = {"a": {"b": [10, 20, 30]}}

    def __len__(self):
        return len(self.items)

    def __getitem__(self, key):
        return self.items[key]

    def __setitem__(self, key, value):
        self.items[key] = value

    def __delitem__(self, key):
        del self.items[key]

    def __contains__(self, item):
        return item in self.items

    def __iter__(self):
        return iter(self.items)

    def __eq__(self, other):
        return isinstance(other, Thing) and self.items == other.items

    def __hash__(self):
        return 12345

    def __str__(self):
        return f"a thing of {len(self.items)}"

    def __repr__(self):
        return f"Thing(*{self.items})"

    def same(self):
        return self


class Door:
    """A context manager that notes what happens to it, and swallows some exceptions."""

    def __init__(self, *swallowed):
        self.events = []
        self.swallowed = swallowed

    def __enter__(self):
        self.events.append("enter")
        return "inside"

    def __exit__(self, kind, error, traceback):
        self.events.append(kind and kind.__name__)
        return kind is not None and issubclass(kind, self.swallowed)

    def told(self):
        return tuple(map(str, self.events))


class Offered:
    """The methods."""

    exposed_name = "offered"
    exposed_thing = Thing(1, 2, 3)

    def exposed_add(self, a, b=100):
        return a + b

    def exposed_echo(self, value):
        return value

    def exposed_new_thing(self, *items):
        return Thing(*items)

    def exposed_door(self, *, swallows=False):
        return Door(*[Exception] * swallows)

    def exposed_rows(self, count):
        return (number * 2 for number in range(count))

    def exposed_numbers(self, count):
        return list(range(count))

    def exposed_call(self, function, *args, **kwargs):
        return function(*args, **kwargs)

    def exposed_call_method(self, owner, *args):
        return owner.method(*args)

    def exposed_fail(self, which):
        raise {
            "key": KeyError("lost", 5),
            "custom": Custom("text"),
            "stop": StopIteration(),
            "os": FileNotFoundError(2, "no such", "place"),
        }[which]
