"""What is held back for a moment, and a flusher that looks at the worst moment."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.test_outflow import Socket
from txrpyc.flusher import Flusher, flusher
from txrpyc.outflow import Outflow


class HeldBackTests(SynchronousTestCase):
    def test_flushed_at_once(self) -> None:
        """What is held back is sent also if the flusher, busy with others already, looks as soon as it is told."""
        soon: list[object] = []
        socket = Socket()
        outflow = Outflow(soon.append, True)
        outflow.attach(socket)
        own = Flusher()

        def watch(held: Outflow) -> None:
            own._running = True  # so that it starts no thread: this one is
            Flusher.watch(own, held)
            own.flush()

        self.patch(flusher, "watch", watch)
        outflow.write_later([b"one"])
        own.flush()
        self.assertEqual(socket.data, b"one")

    def test_sent_by_another_meanwhile(self) -> None:
        """Nor is it forgotten when somebody else sends what was held back before, just when there is more."""
        soon: list[object] = []
        socket = Socket()
        outflow = Outflow(soon.append, True)
        outflow.attach(socket)
        own = Flusher()
        own._running = True
        self.patch(flusher, "watch", own.watch)

        class Frames(list[bytes]):
            """Frames that are looked at just when another thread sends those before them."""

            def __iter__(self):  # type: ignore[no-untyped-def]
                outflow.flush()
                own._held.clear()
                return super().__iter__()

        outflow.write_later([b"one"])
        outflow.write_later(Frames([b"two"]))
        own.flush()
        self.assertEqual(socket.data, b"onetwo")
