"""What a thread that waits for an answer does before it returns, once that is there."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txrpyc.blocking.call import Call
from txrpyc.blocking.hub import Hub


class AnswerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hub = Hub(None)
        self.hub.hire()
        self.call = Call(self.hub)
        self.done: list[str] = []

    def wait(self) -> bool:
        return self.hub.wait(self.call.done, arrived=self.call.arrived)

    def test_jobs_before(self) -> None:
        """It does the jobs that came before the answer."""
        self.hub.post(lambda: self.done.append("before"))
        self.call.deliver(1)
        self.assertTrue(self.wait())
        self.assertEqual(self.done, ["before"])

    def test_jobs_after(self) -> None:
        """It leaves those that came after it, even if it was at another job and looks only now: else, among many that
        call, it would never return.
        """

        def job() -> None:
            self.call.deliver_error(LookupError())
            self.hub.post(lambda: self.done.append("after"))

        self.hub.post(job)
        self.assertTrue(self.wait())
        self.assertEqual((self.done, self.hub.has_jobs), ([], True))
