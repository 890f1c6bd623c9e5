"""What is sent back and forth."""

import os

MIB = 1 << 20
LINE = "2024-05-06 07:08:09,{:03d} INFO worker-{:02d} handled request {:08d} of client 10.0.0.{:d} in {:d} ms\n"


def random_bytes(size: int) -> bytes:
    """Give bytes that do not compress."""
    return os.urandom(size)


def log_text(size: int) -> str:
    """Give text of a given length that compresses as logs do."""
    lines = (LINE.format(n % 1000, n % 16, n * 7919, n % 250, n % 97) for n in range(size // 60))
    return "".join(lines)[:size]
