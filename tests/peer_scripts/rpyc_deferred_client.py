"""Use a service of txrpyc's Deferred face with the real rpyc. The argument is the port; all is well if it ends with 0.

See `tests.deferred.test_real_clients`, which serves.
"""

import gc
import sys

import rpyc
from rpyc.utils.helpers import buffiter


class ClientService(rpyc.Service):
    def exposed_name(self):
        return "client"


class Mine:
    def exposed_method(self, value):
        return value * 2


def fails():
    raise ZeroDivisionError("mine")


port = int(sys.argv[1])
conn = rpyc.connect("127.0.0.1", port, service=ClientService, config={"allow_public_attrs": True})
root = conn.root

# calls, values, and attributes of objects
assert root.add(1, b=2) == 3
assert root.name == "offered"
assert root.echo((1, "x", None, 2.5, b"y", frozenset([1]))) == (1, "x", None, 2.5, b"y", frozenset([1]))
thing = root.new_thing(1, 2, 3)
assert (len(thing), thing[1], thing.kind, list(thing)) == (3, 2, "thing", [1, 2, 3])
assert (str(thing), repr(thing), hash(thing)) == ("a thing of 3", "Thing(*[1, 2, 3])", 12345)
assert thing == root.new_thing(1, 2, 3) and thing != root.new_thing(1)
assert 2 in thing and 7 not in thing
assert thing.table["a"]["b"][2] == 30
thing.colour = "red"
assert thing.colour == "red" and "colour" in dir(thing)
del thing.colour
assert not hasattr(thing, "colour")
assert thing.same() is thing
assert isinstance(thing.items, list)

# iteration, context managers
assert list(root.rows(100)) == list(range(0, 200, 2))
assert list(buffiter(root.rows(2500), 10)) == list(range(0, 5000, 2))
with root.door() as inside:
    assert inside == "inside"

# our objects and functions there
mine = Mine()
assert root.echo(mine) is mine
assert root.call(lambda x, *, y: x - y, 5, y=3) == 2
assert root.call_method(mine, 21) == 42
assert root.slowly(lambda x: x + 1, 5) == 6
assert root.your_name() == "client"

# exceptions
try:
    root.fail("key")
except KeyError as error:
    assert error.args == ("lost", 5) and "exposed_fail" in str(error)
else:
    raise AssertionError("no KeyError")
try:
    root.call(fails)
except ZeroDivisionError as error:
    assert "mine" in str(error)
else:
    raise AssertionError("no ZeroDivisionError")
for attempt in (lambda: root._hidden, lambda: next(root.rows(0))):
    try:
        attempt()
    except (AttributeError, StopIteration):
        pass
    else:
        raise AssertionError("no error")

# asynchronous requests, many at once
add = rpyc.async_(root.add)
results = [add(number, 1) for number in range(1000)]
assert [result.value for result in results] == list(range(1, 1001))
late = rpyc.timed(root.never, 0.2)()
try:
    print(late.value)
except rpyc.AsyncResultTimeout:
    pass
else:
    raise AssertionError("no timeout")
conn.ping()

# much data, many objects
data = bytes(range(256)) * 40960
assert root.echo(data) == data
for number in range(500):
    root.new_thing(number)
del thing, late
gc.collect()
conn.ping()
assert root.lent() < 20, root.lent()
conn.close()
