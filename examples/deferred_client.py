"""A client in the reactor: every remote operation is a Deferred, and nothing blocks.

It wants the service next to it: run 'twistd -n txrpyc --service deferred_service.Calculator' in another terminal.
"""

import argparse

from twisted.internet.defer import TimeoutError, gatherResults
from twisted.internet.task import react

from txrpyc.deferred import connect


async def main(reactor, endpoint):
    conn = await connect(endpoint)
    calculator = conn.root

    # A call is sent at once, as one message, and is a Deferred of its result.
    print("1 + 2 =", await calculator.add(1, 2))

    # So several can be under way together: these take as long as one of them.
    sums = [calculator.slow_add(number, number, 0.2) for number in range(5)]
    print("slow sums:", await gatherResults(sums))

    # What the server raises is raised here.
    try:
        await calculator.add(1, "2")
    except TypeError as error:
        print("TypeError:", str(error).splitlines()[0])

    # A Deferred can be given a time, or be cancelled; the connection goes on.
    try:
        await calculator.slow_add(1, 2, 60).addTimeout(0.1, reactor)
    except TimeoutError:
        print("a minute is too long")

    # Functions and objects of this side can be passed, and the server uses them from there.
    print("the server says", await calculator.count_down(3, lambda number: print("count down:", number)))
    print("sum of a list of ours:", await calculator.sum_of([1, 10, 100]))

    # The items of a remote iterator come in chunks, not one by one.
    print("squares:", [square async for square in calculator.squares(10)])

    await conn.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint", nargs="?", default="tcp:127.0.0.1:18812", help="the server's (%(default)s)")
    react(main, [parser.parse_args().endpoint])
