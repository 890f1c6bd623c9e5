"""Which form of txrpyc is running: its sources as they are, or the same with the hot modules compiled by mypyc.

setup.py decides which modules are compiled, and where; nothing here knows their names. What counts is the file that
each loaded module came from.
"""

import sys
from importlib.machinery import EXTENSION_SUFFIXES


def compiled_modules() -> list[str]:
    """Name the modules of txrpyc that are loaded and compiled, in order."""
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.copy().items()}
    suffixes = tuple(EXTENSION_SUFFIXES)
    return sorted(name for name, file in files.items() if name.startswith("txrpyc.") and file.endswith(suffixes))


def form() -> str:
    """Say in a few words which form is running."""
    count = len(compiled_modules())
    return f"compiled by mypyc: {count} modules" if count else "pure Python"
