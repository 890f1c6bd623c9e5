"""The command ``python -m txrpyc``: says what is installed here. Serving is the work of ``twistd txrpyc``."""

import argparse
import platform
from typing import NoReturn

import twisted

import txrpyc.deferred  # noqa: F401  # all modules count, not only those of the blocking face
from txrpyc.compiled import form
from txrpyc.version import __version__

DESCRIPTION = """\
Tells which txrpyc this is, and whether its hot modules are compiled (CONTRIBUTING.md says how they come to be).
To serve, run `twistd -n txrpyc`; `twistd txrpyc --help` tells the rest.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; try --help\n")


def main() -> None:
    """Do what the command line says; without arguments, print the help."""
    parser = Parser("python -m txrpyc", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--version", action="store_true", help="print the versions, and the form")
    if parser.parse_args().version:
        # One line: argparse's own action for versions breaks it to fit the terminal.
        print(f"txrpyc {__version__} ({form()}), Twisted {twisted.__version__}, Python {platform.python_version()}")
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
