"""A server for the long runs."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.peers import SCRIPTS
from tests.twistd import Twistd

__all__ = ["serve"]


def serve(folder: Path, *arguments: str) -> Twistd:
    """Start ``twistd txrpyc`` in a folder, which is made. Whoever calls this calls its ``kill``."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SCRIPTS / "soak_services.py", folder)
    return Twistd(folder.resolve(), "--service", "soak_services.Soaked", *arguments)
