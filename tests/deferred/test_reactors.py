"""The Deferred face in whole programs, each with its own reactor."""

from __future__ import annotations

import sys

from tests.deferred.network import NetworkTestCase


class ReactorTests(NetworkTestCase):
    async def test_default(self) -> None:
        """A program under the default reactor; importing txrpyc.deferred installs none."""
        out = await self.run_script(sys.executable, "txrpyc_deferred_reactor.py", "default")
        self.assertIn("OK", out)

    async def test_asyncio(self) -> None:
        """A program under the asyncio reactor, which also uses Deferreds in asyncio's coroutines."""
        out = await self.run_script(sys.executable, "txrpyc_deferred_reactor.py", "asyncio")
        self.assertIn("OK AsyncioSelectorReactor", out)
