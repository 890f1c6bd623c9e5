"""The client of txrpyc's Deferred face. The argument is the server's port."""

import sys
import time

import reactor_driver as driver

from txrpyc.deferred import connect

WHERE = f"tcp:127.0.0.1:{sys.argv[1]}"


async def come_and_go():
    visitor = await connect(WHERE)
    await visitor.root.add(1, 2)
    await visitor.close()


async def start(reactor):
    conn = await connect(WHERE)

    async def rows(count):
        root, got = conn.root, 0
        began = time.perf_counter()
        async for _row in root.rows(count):
            got += 1
        return {"seconds": time.perf_counter() - began, "count": got}

    def add():
        return conn.root.add(1, 2)

    return {
        "bound": lambda count: driver.repeat(add, count),
        "pipelined": lambda count: driver.pipeline(add, count),
        "connect": lambda count: driver.repeat(come_and_go, count),
        "rows": rows,
    }


driver.drive(start)
