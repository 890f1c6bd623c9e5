"""A chat's client: what you type is told to everybody, and what anybody says is printed. Ctrl-D leaves.

It wants a server: run 'twistd -n txrpyc --service chat.server.Chat' in another terminal.
"""

import argparse
import sys

import txrpyc


def hear(line):
    """Called by the server."""
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="what the others call you")
    parser.add_argument("--host", default="127.0.0.1", help="where the server is (%(default)s)")
    parser.add_argument("--port", type=int, default=18812, help="its port (%(default)s)")
    options = parser.parse_args()

    conn = txrpyc.connect(options.host, options.port)
    try:
        conn.root.join(options.name, hear)
    except ValueError as error:
        sys.exit(str(error).splitlines()[0])

    # While the main thread waits for the keyboard, this prints what comes, the moment it comes.
    serving = txrpyc.BgServingThread(conn, lambda: print("* the server has gone; Ctrl-D leaves", flush=True))
    try:
        for line in sys.stdin:
            conn.root.say(line.rstrip("\n"))
    except EOFError:
        sys.exit("nobody has heard that: the server has gone")
    serving.stop()
    conn.close()


if __name__ == "__main__":
    main()
