"""
What the real rpyc sent, recorded by ``record.py`` into one file for each version of rpyc.

The values stand in the files as expressions, which ``specimens.evaluate`` understands.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import zlib
from base64 import b64decode
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["BOTH", "read_bytes", "recorded", "specimens"]

BOTH = ("6.0.2", "5.3.1")

FOLDER = Path(__file__).resolve().parent


def _load_specimens() -> ModuleType:
    """Import them as the recording script did: the module's name is sent."""
    spec = importlib.util.spec_from_file_location("specimens", FOLDER / "specimens.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["specimens"] = module
    spec.loader.exec_module(module)
    return module


specimens = _load_specimens()


@cache
def recorded(version: str) -> dict[str, Any]:
    """Give what was recorded with a version of rpyc."""
    content: dict[str, Any] = json.loads((FOLDER / f"rpyc-{version}.json").read_text("utf-8"))
    return content


def read_bytes(text: str) -> bytes:
    """Give the bytes that stand in a file as hexadecimal digits, or compressed."""
    if text.startswith("zlib:"):
        return zlib.decompress(b64decode(text[5:]))
    return bytes.fromhex(text)
