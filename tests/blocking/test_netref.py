"""Netrefs: what is done to them is done to the peer's objects."""

from __future__ import annotations

import gc
import weakref

import txrpyc
from tests.blocking.kinds import with_each_kind

_VECTOR = '''
class Vector:
    """A vector of two numbers."""
    def __init__(self, x, y): self.x, self.y = x, y
    def __repr__(self): return f"Vector({self.x}, {self.y})"
    def __str__(self): return f"<{self.x}|{self.y}>"
    def __add__(self, other): return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, factor): return Vector(self.x * factor, self.y * factor)
    __rmul__ = __mul__
    def __iadd__(self, other): self.x += other.x; self.y += other.y; return self
    def __neg__(self): return Vector(-self.x, -self.y)
    def __eq__(self, other): return (self.x, self.y) == (other.x, other.y)
    def __lt__(self, other): return self.x < other.x
    def __hash__(self): return hash((self.x, self.y))
    def __len__(self): return 2
    def __bool__(self): return bool(self.x or self.y)
    def __getitem__(self, index): return (self.x, self.y)[index]
    def __call__(self, scale=1): return self.x * scale
    def __enter__(self): self.log = ["enter"]; return self
    def __exit__(self, kind, error, traceback): self.log.append(kind and kind.__name__); return kind is KeyError
    def move(self, dx=0, dy=0): "Move it."; self.x += dx; self.y += dy
    @property
    def broken(self): raise LookupError("broken")
'''


class NetrefBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()
        self.conn.execute(_VECTOR)
        self.Vector = self.conn.namespace["Vector"]
        self.vector = self.Vector(3, 4)

    def test_attributes(self) -> None:
        """Attributes are read, set and deleted at the peer."""
        self.vector.move(dx=1)
        self.vector.y = 7
        self.assertEqual((self.vector.x, self.vector.y), (4, 7))
        self.vector.extra = "more"
        self.assertTrue(hasattr(self.vector, "extra"))
        del self.vector.extra
        self.assertFalse(hasattr(self.vector, "extra"))
        self.assertRaises(AttributeError, getattr, self.vector, "extra")
        self.assertRaises(LookupError, getattr, self.vector, "broken")

    def test_text(self) -> None:
        """The texts and the docstring are the object's."""
        self.assertEqual(repr(self.vector), "Vector(3, 4)")
        self.assertEqual(str(self.vector), "<3|4>")
        self.assertEqual(f"{self.vector}", "<3|4>")
        self.assertEqual(self.vector.__doc__, "A vector of two numbers.")
        self.assertEqual(self.vector.move.__doc__, "Move it.")

    def test_operators(self) -> None:
        """Operators work between the peer's objects, and with local values on either side."""
        other = self.Vector(1, 1)
        self.assertEqual(repr(self.vector + other), "Vector(4, 5)")
        self.assertEqual(repr(self.vector * 2), "Vector(6, 8)")
        self.assertEqual(repr(2 * self.vector), "Vector(6, 8)")
        self.assertEqual(repr(-self.vector), "Vector(-3, -4)")
        same = self.vector
        same += other
        self.assertIs(same, self.vector)
        self.assertEqual(repr(same), "Vector(4, 5)")

    def test_comparison(self) -> None:
        """Comparisons and hashes are the object's."""
        self.assertTrue(self.vector == self.Vector(3, 4))
        self.assertFalse(self.vector != self.Vector(3, 4))
        self.assertTrue(self.Vector(1, 0) < self.vector)
        self.assertFalse(self.vector < self.Vector(1, 0))
        self.assertEqual(hash(self.vector), self.conn.eval("hash")(self.vector))
        self.assertEqual({self.vector: "found"}[self.Vector(3, 4)], "found")

    def test_call(self) -> None:
        """An object that can be called is."""
        self.assertEqual(self.vector(scale=10), 30)
        self.assertTrue(callable(self.vector))
        self.assertFalse(callable(self.conn.builtins.list()))

    def test_containers(self) -> None:
        """Containers know their length, items and contents."""
        self.assertEqual((len(self.vector), self.vector[1]), (2, 4))
        self.assertRaises(IndexError, lambda: self.vector[5])
        numbers = self.conn.builtins.list(range(10))
        self.assertEqual(numbers[2:8:3][:], self.conn.eval("[2, 5]"))
        self.assertIn(3, numbers)
        self.assertNotIn("3", numbers)
        numbers[0] = "zero"
        del numbers[1:]
        self.assertEqual(list(numbers), ["zero"])
        table = self.conn.builtins.dict(one=1)
        table["two"] = 2
        self.assertEqual(sorted(table.items()), [("one", 1), ("two", 2)])
        self.assertRaises(KeyError, lambda: table["three"])

    def test_truth(self) -> None:
        """An object is true or false as at the peer."""
        self.assertTrue(self.vector)
        self.assertFalse(self.Vector(0, 0))
        self.assertFalse(self.conn.builtins.list())

    def test_iteration(self) -> None:
        """Iterables and generators of the peer are iterated over, to their end."""
        self.assertEqual(list(self.conn.builtins.range(4)), [0, 1, 2, 3])
        squares = self.conn.eval("(n * n for n in range(3))")
        self.assertEqual((next(squares), next(squares), next(squares)), (0, 1, 4))
        self.assertRaises(StopIteration, next, squares)
        self.assertEqual([*self.vector], [3, 4])

    def test_context(self) -> None:
        """A ``with`` enters and leaves the peer's object."""
        with self.vector as entered:
            self.assertEqual(entered.x, 3)
        self.assertEqual(list(self.vector.log), ["enter", None])

    def test_context_with_error(self) -> None:
        """What is raised in a ``with`` is told to the peer's object, and goes on if that does not keep it."""
        with self.assertRaises(ZeroDivisionError), self.vector:
            1 // 0  # noqa: B018
        self.assertEqual(len(self.vector.log), 2)

    def test_isinstance(self) -> None:
        """A netref of a builtin type's instance is an instance of that type, also by the peer's own class."""
        self.assertIsInstance(self.conn.builtins.list(), list)
        self.assertNotIsInstance(self.conn.builtins.list(), dict)
        self.assertIsInstance(self.vector, self.Vector)
        self.assertNotIsInstance(self.conn.builtins.list(), self.Vector)
        self.assertIsInstance(self.vector, txrpyc.BaseNetref)
        self.assertIsInstance("text", self.conn.builtins.str)

    def test_class(self) -> None:
        """The class of a netref is the peer's class, as a netref; of a builtin type, the local one."""
        self.assertEqual(self.vector.__class__.__name__, "Vector")
        self.assertIs(self.conn.builtins.list().__class__, list)
        self.assertIn("netref class", repr(type(self.vector)))

    def test_dir(self) -> None:
        """The names are the object's."""
        names = dir(self.vector)
        for name in ("x", "y", "move", "__len__"):
            self.assertIn(name, names)

    def test_weak_references(self) -> None:
        """A netref can be referred to weakly, and dies when nobody holds it."""
        reference = weakref.ref(self.vector)
        self.assertIs(reference(), self.vector)
        self.vector = None
        gc.collect()
        self.assertIsNone(reference())

    def test_remote_error(self) -> None:
        """An error of the peer's is one of the same builtin class here, and shows the peer's traceback."""
        self.conn.execute("def outer():\n    inner()\ndef inner():\n    {}['gone']")
        error = self.assertRaises(KeyError, self.conn.namespace["outer"])
        self.assertEqual(error.args, ("gone",))
        self.assertIn("Remote Traceback", str(error))
        self.assertIn("in inner", str(error))

    def test_error_class_of_the_peers(self) -> None:
        """An error of a class that is not there is a `GenericException` that tells the class."""
        self.conn.execute("class OddError(Exception): pass\ndef fail(): raise OddError('text')")
        error = self.assertRaises(txrpyc.GenericException, self.conn.namespace["fail"])
        self.assertIn("OddError", type(error).__name__)

    def test_chained(self) -> None:
        """A netref of one connection is passed over another, and works through both."""
        middle = self.classic()
        echo = middle.eval("lambda value: value")
        self.assertIs(echo(self.vector), self.vector)
        use = middle.eval("lambda vector, f: (repr(vector), len(vector), vector[0], repr(vector + vector), f(vector))")
        self.assertEqual(use(self.vector, lambda v: v is self.vector), ("Vector(3, 4)", 2, 3, "Vector(6, 8)", True))
        held = middle.builtins.list((self.vector,))
        self.assertIs(held[0], self.vector)

    def test_far(self) -> None:
        """A connection that the peer made is used through ours."""
        far = self.conn.modules[f"{self.kind.package}"].classic.connect("127.0.0.1", self.classic_port())
        self.assertEqual(far.eval("[1, 2, 3]")[1], 2)
        self.assertEqual(far.builtins.sum((1, 2)), 3)
        far.close()

    def classic_port(self) -> int:
        server = txrpyc.ThreadedServer(txrpyc.SlaveService, hostname="127.0.0.1")
        self.addCleanup(server._start_in_thread().join)
        self.addCleanup(server.close)
        return server.port


globals().update(with_each_kind(NetrefBehaviour))
