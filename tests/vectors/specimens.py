"""
The values that are recorded, each as an expression, and the objects that the expressions name.

Both sides evaluate them: ``record.py`` in a process with the real rpyc, the tests in theirs. Only
the standard library may be imported here, and nothing of the checkout.
"""

import hashlib
import string


class Plain:
    """A class of which nothing is special."""

    def method(self):
        """Do nothing."""

    @classmethod
    def of_class(cls):
        pass

    @staticmethod
    def of_nobody():
        pass

    @property
    def text(self):
        return "text"

    attribute = 5


class Derived(Plain):
    def method(self):
        """Do nothing either."""

    def __len__(self):
        return 0

    def __call__(self):
        return None


class Meta(type):
    def of_meta(cls):
        """Belong to the class of the class."""


class Tuple(tuple):
    """A subclass of a brinable type, which is sent by reference."""


Built = Meta("Built", (), {"method": Plain.method, "__module__": __name__})


def function():
    """Do nothing."""


class CustomError(Exception):
    """An exception with an attribute."""

    def __init__(self, *args):
        super().__init__(*args)
        self.code = 7
        self.thing = range(3)
        self._hidden = 1


class Guarded:
    """An object with each kind of attribute."""

    hello = "public"
    both = "public"
    exposed_both = "exposed"
    exposed_only = "exposed"
    _private = "private"
    exposed__private = "exposed"

    def __len__(self):
        return 0

    def __secret__(self):
        pass

    @property
    def broken(self):
        raise AttributeError("there is a property, and it fails")

    @property
    def exposed_broken(self):
        return "exposed"

    @property
    def exposed_faulty(self):
        raise AttributeError("there is a property, and it fails")


def noise(size):
    """Give bytes that no compression makes shorter, the same ones each time."""
    blocks = (hashlib.sha256(b"%d" % n).digest() for n in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def _words(text):
    return text.split()


NAMES = {
    "inf": float("inf"),
    "nan": float("nan"),
    "noise": noise,
    # Objects that are sent by reference.
    "a_builtin_function": len,
    "a_builtin_method": [].append,
    "a_class": Plain,
    "a_builtin_class": list,
    "a_built_class": Built,
    "a_metaclass": Meta,
    "a_function": function,
    "a_list": [1],
    "a_dict": {},
    "a_tuple": Tuple((1, 2)),
    "a_module": string,
    "an_instance": Derived(),
    "an_instance_of_built": Built(),
    "an_exception": ValueError("sent as a value"),
}
NAMES["a_method"] = NAMES["an_instance"].method
NAMES["a_set_of_objects"] = frozenset([NAMES["an_instance"]])

REFERENCES = [name for name in NAMES if name.startswith(("a_", "an_"))]

BRINE = _words("""
    None NotImplemented Ellipsis True False
    0 1 -1 -47 -48 -49 158 159 160 161 255 256 -255 10**20 -10**20
    10**254-1 10**254 10**255-1 10**255 -10**253 -10**254 -10**255 7**900
    0.0 -0.0 1.5 -1e300 5e-324 inf -inf nan
    0j 18.2j+13 -1.5j complex(inf,nan) complex(-0.0,-0.0)
    '' 'a' 'ab' 'abc' 'abcd' 'abcde' 'a'*255 'a'*256 '\\0' '\\n'
    'é' 'éé' 'ééa' 'é'*127 'é'*127+'a' 'é'*128 '€uro' '𝄞' '𝄞!' 'naïve\\uffff'
    b'' b'a' b'ab' b'abc' b'abcd' b'abcde' b'\\xff'*255 b'\\xff'*256 noise(5000) b'blank'*14000
    () (1,) (1,2) (1,2,3) (1,2,3,4) (1,2,3,4,5) (0,)*255 (0,)*256 ((),)
    ('',b'') (None,(True,('x',)))
    frozenset() frozenset([1]) frozenset([1,2,3]) frozenset([(1,2)]) frozenset(range(256))
    slice(5) slice(None) slice(1,2,3) slice('a',b'b',()) slice(-1,None,(1,slice(2)))
    ('a',7,b'c',8,(),900,None,True,Ellipsis,18.2,1j,slice(1,2,3),frozenset([5,6]),NotImplemented)
""")

FRAMES = _words("""
    b'' b'a' b'\\n' b'x'*2999 b'x'*3000 b'x'*3001 noise(3000) noise(3001) noise(70000)
    b'blank'*14000
""")

# The verb's number, its arguments. ``proxy`` stands for an object of the other side's.
REQUESTS = [
    (1, "('data',)"),
    (2, "()"),
    (3, "()"),
    (4, "(proxy, 'name')"),
    (5, "(proxy, 'name')"),
    (6, "(proxy, 'name', 5)"),
    (7, "(proxy, (1, 'two', a_list), (('key', 3.5), ('other', a_function)))"),
    (8, "(proxy, 'method', (an_instance, proxy), ())"),
    (9, "(proxy,)"),
    (10, "(proxy,)"),
    (11, "(proxy, 5, '__eq__')"),
    (12, "(proxy,)"),
    (13, "(proxy,)"),
    (14, "(proxy, 2)"),
    (15, "(proxy, 3)"),
    (16, "(('module.Class', 140000000000016, 140000000000032),)"),
    (17, "(proxy, 10)"),
    (18, "(proxy, '__getitem__', '__getslice__', 1, None, ())"),
    (19, "(proxy, None)"),
    (20, "(proxy, ('module.Class', 140000000000016, 140000000000032))"),
]

REPLIES = [
    *["None", "5", "'text'", "(1, (2, 3))", "b'blank' * 14000", "noise(5000)", "proxy", "(proxy,)"],
    *["(1, (a_list, (a_dict, 'x')), (), a_list)", "(a_tuple, slice(1), frozenset([2]))"],
    *REFERENCES,
]

# The expression that raises, and the rules that are not the default.
FAILURES = [
    ("ValueError('wrong', 5)", {}),
    ("ValueError('wrong', [5], b'', (1, [2]))", {}),
    ("KeyError('é')", {"include_local_traceback": False}),
    ("OSError(2, 'No such file', 'file')", {"include_local_version": False}),
    ("StopIteration()", {}),
    ("CustomError('own')", {}),
    ("ZeroDivisionError()", {"include_local_traceback": False, "include_local_version": False}),
    ("SystemExit(3)", {}),
]

SETTINGS = [
    {},
    {"allow_public_attrs": True},
    {"allow_all_attrs": True},
    {"allow_exposed_attrs": False},
    {"allow_exposed_attrs": False, "allow_public_attrs": True},
    {"allow_exposed_attrs": False, "allow_all_attrs": True},
    {"allow_safe_attrs": False},
    {"allow_safe_attrs": False, "allow_exposed_attrs": False},
    {"allow_getattr": False},
    {"allow_setattr": True, "allow_delattr": True},
    {"exposed_prefix": "both", "allow_public_attrs": True},
    {"safe_attrs": ["_private", "hello"]},
]
PERMISSIONS = ["allow_getattr", "allow_setattr", "allow_delattr"]
ATTRIBUTES = _words("""
    hello exposed_hello both exposed_both only exposed_only _private exposed__private __len__
    __secret__ __dict__ __class__ broken exposed_broken faulty exposed_faulty missing _missing
    exposed_missing __iadd__ next
""")


def evaluate(expression, **names):
    """Give the value of an expression of the tables above."""
    return eval(expression, {**NAMES, "CustomError": CustomError, **names})


def raised(expression):
    """Give the exception of an expression, raised in a file that is called ``recorded``."""
    code = compile("def f(error):\n    raise error\nf(error)", "recorded", "exec")
    try:
        exec(code, {"error": evaluate(expression)})
    except BaseException as error:
        assert error.__traceback__ is not None
        return error.with_traceback(error.__traceback__.tb_next)
