"""
Record what the real rpyc sends, as JSON, for the tests of txrpyc to compare with.

Run with an interpreter that has rpyc, for each version of it::

    python tests/vectors/record.py > tests/vectors/rpyc-6.0.2.json

The numbers that rpyc takes from the addresses of objects are counted here instead, so that a second
run gives the same file.
"""

import base64
import itertools
import json
import platform
import re
import sys
import zlib

import rpyc.lib
import specimens
from rpyc.core import brine, netref, protocol
from rpyc.core.channel import Channel
from rpyc.core.service import VoidService

PROXY = ("builtins.list", 140000000000004, 140000000000008)

_ids = itertools.count(140000000000100, 16)
_known = {}


def counted_id(value):
    """Stand in for `id` in rpyc. The value is kept alive, so no two have the same number."""
    if id(value) not in _known:
        _known[id(value)] = next(_ids), value
    return _known[id(value)][0]


rpyc.lib.id = counted_id


class MemoryStream:
    """A stream that keeps what is written."""

    MAX_IO_CHUNK = 64000
    closed = False

    def __init__(self):
        self.written = b""

    def write(self, data):
        self.written += data

    def close(self):
        pass

    def take(self):
        data, self.written = self.written, b""
        return text(data)


def text(data):
    """Give bytes as text: long ones compressed, so that the file stays small."""
    if len(data) < 400:
        return data.hex()
    return "zlib:" + base64.b64encode(zlib.compress(data, 9)).decode()


def connect(stream, **config):
    connection = protocol.Connection(VoidService(), Channel(stream), config)
    connection._closed = True  # or its __del__ would talk to the other side
    return connection


def record_brine():
    for expression in specimens.BRINE:
        data = brine.dump(specimens.evaluate(expression))
        yield {"value": expression, "data": text(data)}


def record_frames(stream):
    channel = Channel(stream)
    for expression in specimens.FRAMES:
        channel.send(specimens.evaluate(expression))
        yield {"payload": expression, "data": stream.take()}


def record_requests(stream, connection, proxy):
    for verb, arguments in specimens.REQUESTS:
        connection._async_request(verb, specimens.evaluate(arguments, proxy=proxy))
        yield {"verb": verb, "arguments": arguments, "data": stream.take()}


def record_replies(stream, connection, proxy):
    for sequence, expression in enumerate(specimens.REPLIES):
        value = specimens.evaluate(expression, proxy=proxy)
        connection._send(2, sequence, connection._box(value))
        yield {"value": expression, "sequence": sequence, "data": stream.take()}


def without_addresses(record):
    """Give a vinegar record in which the text of a method names the same address every time."""
    if not isinstance(record, tuple):
        return record
    attributes = [
        (name, re.sub("0x[0-9a-f]+", "0x7f0000000000", value) if type(value) is str else value)
        for name, value in record[2]
    ]
    return (*record[:2], tuple(attributes), record[3])


def record_failures(stream):
    for sequence, (expression, rules) in enumerate(specimens.FAILURES):
        connection = connect(stream, **rules)
        error = specimens.raised(expression)
        record = connection._box_exc(type(error), error, error.__traceback__)
        connection._send(3, sequence, without_addresses(record))
        yield {"error": expression, "rules": rules, "sequence": sequence, "data": stream.take()}


def record_access():
    value = specimens.Guarded()
    for settings in specimens.SETTINGS:
        connection = connect(MemoryStream(), **settings)
        for permission in specimens.PERMISSIONS:
            names = {}
            for name in specimens.ATTRIBUTES:
                try:
                    names[name] = connection._check_attr(value, name, permission)
                except AttributeError:
                    names[name] = None
            yield {"settings": settings, "permission": permission, "names": names}


def main():
    stream = MemoryStream()
    connection = connect(stream)
    proxy = netref.builtin_classes_cache[PROXY[0]](connection, PROXY)
    objects = {name: specimens.NAMES[name] for name in specimens.REFERENCES}
    recorded = {
        "rpyc": rpyc.__version__,
        "python": platform.python_version(),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "proxy": PROXY,
        "brine": list(record_brine()),
        "frames": list(record_frames(stream)),
        "requests": list(record_requests(stream, connection, proxy)),
        "replies": list(record_replies(stream, connection, proxy)),
        "failures": list(record_failures(stream)),
        "identities": {name: rpyc.lib.get_id_pack(value) for name, value in objects.items()},
        "methods": {name: list(rpyc.lib.get_methods(netref.LOCAL_ATTRS, value)) for name, value in objects.items()},
        "access": list(record_access()),
    }
    json.dump(recorded, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
