"""What is worth knowing of the machine, and of the versions of what was measured. Nothing that names the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.environments import DISTRIBUTIONS, Environments
from benchmarks.processes import Failed

__all__ = ["facts", "free_memory", "modes_here", "processor_of"]


def facts(environments: Environments, used: Iterable[str]) -> dict[str, Any]:
    """Give the facts, with the versions in the environments that were used."""
    versions = {}
    for name in sorted(set(used) & set(DISTRIBUTIONS)):
        try:
            versions[name] = f"{DISTRIBUTIONS[name]} {environments.version_of(name)}"
        except Failed as error:
            versions[name] = f"missing: {error}"
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "machine": platform.machine(),
        "processor": _processor_model(),
        "processors": len(_processors()) or os.cpu_count(),
        "versions": versions,
    }


def _processor_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _processors() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def modes_here() -> list[str]:
    """Give the modes that this system has."""
    return ["pinned", "unpinned"] if _processors() else ["unpinned"]


def processor_of(mode: str) -> int | None:
    """Give the one processor that both ends of every contestant run on; None means any."""
    return max(_processors()) if mode == "pinned" else None


def free_memory() -> int | None:
    """Give how many MiB of memory are to be had; None if that cannot be told."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:")), None)
