"""`BgServingThread` and serving by hand: when what the peer asks is carried out, and by which thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.blocking.kinds import PATIENCE, UNIT, BlockingTestCase, Waiting, with_each_kind
from txrpyc import BgServingThread, async_

_EVENTS = """
import threading
def call_after(wait, callback, *args):
    "Call a function of the client's, in a thread, once the waiting is over."
    def call():
        wait()
        callback(*args)
    threading.Thread(target=call).start()
def send_event(callback, value):
    "Let an event overtake the answer."
    asynchronous(callback)(value)
    return "answer"
"""


class ServingBehaviour:
    def setUp(self) -> None:
        super().setUp()
        self.conn = self.classic()
        self.conn.execute(_EVENTS)
        self.conn.execute(f"from {self.kind.package} import async_ as asynchronous")
        self.send_event = self.conn.namespace["send_event"]
        self.seen: list[object] = []

    def send_later(self, callback: object, *arguments: object) -> Callable[[], None]:
        """Let the peer call a function when nobody waits for it; give what lets it begin."""
        wait, begin = self.gate(self.conn)
        self.conn.namespace["call_after"](wait, callback, *arguments)
        return begin

    def serve_in_background(self, callback: object = None) -> BgServingThread:
        serving = BgServingThread(self.conn, callback)
        self.addCleanup(serving.stop)
        return serving

    def assert_event_comes(self) -> None:
        """An event arrives while this thread is busy with something else than the connection."""
        arrived = threading.Event()
        self.send_later(arrived.set)()
        self.assertTrue(arrived.wait(PATIENCE))

    # With a thread.

    def test_busy(self) -> None:
        """Events arrive while the main thread does not look."""
        self.serve_in_background()
        for _ in range(3):
            self.assert_event_comes()

    def test_own_thread(self) -> None:
        """Requests are carried out by the thread, also while another waits for an answer."""
        self.serve_in_background()
        callback = lambda: self.seen.append(threading.current_thread().name)  # noqa: E731
        self.conn.eval("lambda f: f()")(callback)
        self.assertEqual(self.seen, ["txrpyc-BgServingThread"])

    def test_waiting_with_a_lock(self) -> None:
        """A thread that waits for an answer with a lock held does not find itself in a callback that takes it."""
        self.serve_in_background()
        lock, done = threading.Lock(), threading.Event()

        def callback(value: object) -> None:
            with lock:
                self.seen.append(value)
            done.set()

        for number in range(20):
            with lock:
                self.assertEqual(self.send_event(callback, number), "answer")
                self.assertEqual(len(self.seen), number)
            self.assertTrue(done.wait(PATIENCE))
            done.clear()
        self.assertEqual(self.seen, list(range(20)))

    def test_callbacks_of_results(self) -> None:
        """Callbacks of results are called by the thread too."""
        self.serve_in_background()
        called = threading.Event()
        result = async_(self.conn.eval("lambda: 5"))()
        result.add_callback(lambda result: (self.seen.append(result.value), called.set()))
        self.assertTrue(called.wait(PATIENCE))
        self.assertEqual(self.seen, [5])

    def test_error_in_event(self) -> None:
        """An event that raises harms neither the thread nor the connection."""
        self.serve_in_background()
        self.conn.execute("def guarded(f):\n    try: f()\n    except ZeroDivisionError: pass")
        self.send_later(self.conn.eval("guarded"), lambda: 1 // 0)()
        self.assert_event_comes()

    def test_calls_from_the_thread(self) -> None:
        """An event may call the peer."""
        self.serve_in_background()
        answer = threading.Event()
        self.send_later(lambda: self.conn.eval("6 * 7") == 42 and answer.set())()
        self.assertTrue(answer.wait(PATIENCE))

    def test_stop(self) -> None:
        """Stopping ends the thread before it returns, may be repeated, and calls no callback."""
        serving = self.serve_in_background(lambda: self.seen.append("ended"))
        serving.stop()
        self.assertNotIn("txrpyc-BgServingThread", [thread.name for thread in threading.enumerate()])
        serving.stop()
        self.assertEqual(self.seen, [])

    def test_goes_on_without(self) -> None:
        """The connection goes on after the stop, served by who waits; and with a new thread."""
        for _ in range(3):
            serving = self.serve_in_background()
            self.assert_event_comes()
            serving.stop()
            self.conn.eval("lambda f: f()")(lambda: self.seen.append(threading.current_thread()))
        self.assertEqual(self.seen, [threading.current_thread()] * 3)

    def test_stop_from_an_event(self) -> None:
        """An event may stop the thread that carries it out."""
        serving = self.serve_in_background()
        self.send_later(serving.stop)()
        self.until(lambda: not serving._thread.is_alive())
        self.assertEqual(self.conn.eval("1 + 1"), 2)

    def test_stop_while_others_wait(self) -> None:
        """Who waits when the thread stops takes over."""
        serving = self.serve_in_background()
        wait, open_gate = self.gate(self.conn)
        waiting = Waiting(wait)
        serving.stop()
        open_gate()
        self.assertEqual(waiting.result(), "open")

    def test_ends_by_itself(self) -> None:
        """The callback is called, once, when the peer dies."""
        peer = self.own_peer()
        self.conn = self.classic(peer)
        ended = threading.Event()
        serving = self.serve_in_background(lambda: (self.seen.append(threading.current_thread().name), ended.set()))
        peer.stop()
        self.assertTrue(ended.wait(PATIENCE))
        serving.stop()
        self.assertEqual(self.seen, ["txrpyc-BgServingThread"])

    def test_ends_by_close(self) -> None:
        """The callback is called when the connection is closed here."""
        ended = threading.Event()
        serving = self.serve_in_background(ended.set)
        self.conn.close()
        self.assertTrue(ended.wait(PATIENCE))
        serving.stop()

    # Without.

    def test_serve(self) -> None:
        """Without a thread, an event arrives by `serve`."""
        self.send_later(self.seen.append, "event")()
        while not self.seen:
            self.assertTrue(self.conn.serve(PATIENCE))

    def test_poll(self) -> None:
        """An event arrives by `poll`, which does not wait."""
        self.send_later(self.seen.append, "event")()
        self.until(lambda: self.conn.poll() and self.seen)

    def test_poll_all(self) -> None:
        """All events arrive by `poll_all`."""
        for begin in [self.send_later(self.seen.append, "event") for _ in range(5)]:
            begin()
        self.until(lambda: self.conn.poll_all(UNIT / 10) and len(self.seen) == 5)

    def test_serve_all(self) -> None:
        """`serve_all` serves until the connection is closed, here by an event."""
        begin = self.send_later(lambda: (self.seen.append("event"), self.conn.close()))
        begin()
        self.conn.serve_all()
        self.assertTrue(self.conn.closed)
        self.assertEqual(self.seen, ["event"])

    def test_serve_all_until_the_peer_goes(self) -> None:
        """`serve_all` returns when the peer has gone."""
        peer = self.own_peer()
        self.conn = self.classic(peer)
        serving = Waiting(self.conn.serve_all)
        peer.stop()
        serving.result()
        self.assertTrue(self.conn.closed)

    def test_by_a_call(self) -> None:
        """An event arrives while we wait for an answer."""
        self.assertEqual(self.send_event(self.seen.append, "event"), "answer")
        self.assertEqual(self.seen, ["event"])

    def test_not_before(self) -> None:
        """Nothing is carried out in a program that neither waits nor polls."""
        self.send_later(self.seen.append, "event")()
        self.classic().eval("1 + 1")
        self.assertEqual(self.seen, [])
        self.until(lambda: self.conn.poll() and self.seen)

    def test_serve_in_vain(self) -> None:
        """`serve` and `poll` tell when nothing came in their time, and raise an EOFError after the end."""
        self.assertFalse(self.conn.serve(UNIT / 10))
        self.assertFalse(self.conn.poll())
        self.conn.close()
        self.assertRaises(EOFError, self.conn.serve)


globals().update(with_each_kind(ServingBehaviour))


class LocalTests(BlockingTestCase):
    def test_rpyc_arguments(self) -> None:
        """rpyc's names of the arguments are known."""
        conn = self.classic()
        BgServingThread(conn, callback=None, serve_interval=0.0, sleep_interval=0.1).stop()
