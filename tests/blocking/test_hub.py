"""The hub alone, with a leadership that does what the test says: who leads, who does jobs, who sleeps."""

from __future__ import annotations

import queue
import random
import sys
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

from tests.blocking.kinds import PATIENCE, BlockingTestCase, Waiting
from txrpyc.blocking.hub import Hub
from txrpyc.errors import WrongThread


class Leadership:
    """Makes a step by calling a function, and keeps account."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []
        self.disposals = 0
        self.interrupts = 0
        self.inside = 0
        self.crowd = 0
        self.on_step: Callable[[], object] = lambda: None

    def step(self, timeout: float | None) -> None:
        self.timeouts.append(timeout)
        self.inside += 1
        self.crowd = max(self.crowd, self.inside)
        try:
            self.on_step()
        finally:
            self.inside -= 1

    def interrupt(self) -> None:
        self.interrupts += 1

    def dispose(self) -> None:
        self.disposals += 1


class HubTestCase(BlockingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.leadership = Leadership()
        self.hub = Hub(self.leadership)
        self.seen: list[object] = []

    def park(self) -> tuple[threading.Event, threading.Event]:
        """Let the next step say that it has begun, and wait until it may end."""
        begun, may_end = threading.Event(), threading.Event()

        def step() -> None:
            begun.set()
            self.assertTrue(may_end.wait(30))

        self.leadership.on_step = step
        return begun, may_end


class WaitTests(HubTestCase):
    def test_condition_holds(self) -> None:
        """Nobody leads for a condition that holds already."""
        self.assertTrue(self.hub.wait(lambda: True))
        self.assertEqual(self.leadership.timeouts, [])

    def test_leads_until_done(self) -> None:
        """Who waits alone makes steps until the condition holds."""
        self.assertTrue(self.hub.wait(lambda: len(self.leadership.timeouts) == 3))
        self.assertEqual(self.leadership.timeouts, [None, None, None])

    def test_condition_while_taking_the_lead(self) -> None:
        """Nobody makes a step for a condition that has come to hold since it was looked at: it might never return."""
        answers = iter([False, True, True])
        self.assertTrue(self.hub.wait(lambda: next(answers)))
        self.assertEqual(self.leadership.timeouts, [])

    def test_deadline(self) -> None:
        """A step gets no more time than is left, and when none is left the wait ends."""
        deadline = monotonic() + 0.3
        self.leadership.on_step = lambda: threading.Event().wait(deadline - monotonic() + 0.01)
        self.assertFalse(self.hub.wait(lambda: False, deadline))
        self.assertEqual(len(self.leadership.timeouts), 1)
        self.assertTrue(0 < self.leadership.timeouts[0] <= 0.3)

    def test_deadline_over(self) -> None:
        """A deadline that has passed ends the wait without a step, unless the condition holds."""
        self.assertFalse(self.hub.wait(lambda: False, monotonic() - 1))
        self.assertTrue(self.hub.wait(lambda: True, monotonic() - 1))
        self.assertEqual(self.leadership.timeouts, [])

    def test_deadline_among_jobs(self) -> None:
        """A deadline ends the wait also when each job is followed by another."""

        def job() -> None:
            self.hub.post(job)

        job()
        self.assertFalse(self.hub.wait(lambda: False, monotonic() + 0.02))
        self.assertEqual(self.leadership.timeouts, [])

    def test_deadline_of_sleeper(self) -> None:
        """A deadline also ends the wait of a thread that sleeps while another leads."""
        begun, may_end = self.park()
        leader = Waiting(lambda: self.hub.wait(lambda: bool(self.leadership.timeouts)))
        begun.wait(30)
        self.assertFalse(self.hub.wait(lambda: False, monotonic() + 0.02))
        may_end.set()
        self.assertTrue(leader.result())

    def test_one_leader(self) -> None:
        """However many wait, at most one makes a step at a time, and all get done."""
        waiters = [Waiting(lambda: self.hub.wait(lambda: len(self.leadership.timeouts) >= 500)) for _ in range(8)]
        self.assertEqual([waiter.result() for waiter in waiters], [True] * 8)
        self.assertEqual(self.leadership.crowd, 1)

    def test_lead_passes_on(self) -> None:
        """A sleeper takes the lead once the leader has got what it waited for."""
        begun, may_end = self.park()
        first = Waiting(lambda: self.hub.wait(lambda: len(self.leadership.timeouts) >= 1))
        begun.wait(30)
        second = Waiting(lambda: self.hub.wait(lambda: len(self.leadership.timeouts) >= 2))
        may_end.set()
        self.assertEqual((first.result(), second.result()), (True, True))

    def test_notify_wakes_sleepers(self) -> None:
        """A sleeper whose condition was made true from outside returns, while the leader goes on."""
        begun, may_end = self.park()
        leader = Waiting(lambda: self.hub.wait(lambda: bool(self.leadership.timeouts)))
        begun.wait(30)
        sleeper = Waiting(lambda: self.hub.wait(lambda: bool(self.seen)))
        self.seen.append("news")
        self.hub.notify()
        self.assertTrue(sleeper.result())
        may_end.set()
        leader.result()

    def test_failing_step(self) -> None:
        """A step that raises gives the lead back, and the error to who made it."""
        self.leadership.on_step = lambda: 1 // 0
        self.assertRaises(ZeroDivisionError, self.hub.wait, lambda: False)
        self.leadership.on_step = lambda: None
        self.assertTrue(self.hub.wait(lambda: len(self.leadership.timeouts) == 2))

    def test_nested_in_step(self) -> None:
        """A wait from inside a step, which would never end, is an error; the lead is not lost by it."""
        self.leadership.on_step = lambda: self.seen.append(self.assertRaises(WrongThread, self.hub.wait, lambda: False))
        self.hub.wait(lambda: bool(self.seen))
        self.assertTrue(self.hub.wait(lambda: len(self.leadership.timeouts) == 2))

    def test_interrupt(self) -> None:
        """Only a step that is under way is interrupted."""
        self.hub.interrupt()
        self.assertEqual(self.leadership.interrupts, 0)
        self.leadership.on_step = self.hub.interrupt
        self.hub.wait(lambda: bool(self.leadership.timeouts))
        self.assertEqual(self.leadership.interrupts, 1)

    def test_interrupted_while_taking_the_lead(self) -> None:
        """A KeyboardInterrupt that comes with taking the lead does not lose it, nor the others who wait."""

        class Lead(dict):
            def setdefault(self, *args: int) -> int:
                super().setdefault(*args)
                raise KeyboardInterrupt

        self.hub._lead = Lead()
        self.assertRaises(KeyboardInterrupt, self.hub.wait, lambda: False)
        self.hub._lead = dict(self.hub._lead)
        self.assertTrue(self.hub.wait(lambda: bool(self.leadership.timeouts)))

    def test_interrupted_in_a_step(self) -> None:
        """One that comes in a step gives the lead to another who waits."""
        begun, may_end = self.park()
        waiters = [Waiting(lambda: self.hub.wait(lambda: len(self.seen) >= 2)) for _ in range(2)]
        begun.wait(30)
        self.until(lambda: len(self.hub.sleepers) == 1)

        def interrupted() -> None:
            self.leadership.on_step = lambda: self.seen.append("step")
            raise KeyboardInterrupt

        self.leadership.on_step = interrupted
        self.seen.append("news")
        may_end.set()
        outcomes = set()
        for waiter in waiters:
            try:
                outcomes.add(waiter.result())
            except KeyboardInterrupt:
                outcomes.add("interrupted")
        self.assertEqual(outcomes, {True, "interrupted"})

    def test_glance(self) -> None:
        """A glance is one step without waiting that does no job, and nothing while another thread leads."""
        self.hub.post(lambda: self.seen.append("job"))
        self.hub.glance()
        self.assertEqual((self.leadership.timeouts, self.seen), ([0], []))
        begun, may_end = self.park()
        leader = Waiting(lambda: self.hub.wait(lambda: len(self.leadership.timeouts) == 2, serve=False))
        begun.wait(30)
        self.hub.glance()
        may_end.set()
        leader.result()
        self.assertEqual(len(self.leadership.timeouts), 2)


class JobTests(HubTestCase):
    def test_in_order(self) -> None:
        """Jobs are begun in the order in which they were posted, and before the wait ends."""
        for number in range(10):
            self.hub.post(lambda number=number: self.seen.append(number))
        self.assertTrue(self.hub.wait(lambda: True))
        self.assertEqual(self.seen, list(range(10)))

    def test_outside_of_steps(self) -> None:
        """A job that a step posts is done after the step, by the thread that waits."""
        me = threading.get_ident()

        def step() -> None:
            self.hub.post(lambda: self.seen.append((threading.get_ident() == me, self.leadership.inside)))

        self.leadership.on_step = step
        self.hub.wait(lambda: bool(self.seen))
        self.assertEqual(self.seen, [(True, 0)])

    def test_nested(self) -> None:
        """A job may wait, and does the jobs that come meanwhile."""
        self.hub.post(lambda: self.hub.wait(lambda: "inner" in self.seen))
        self.leadership.on_step = lambda: self.hub.post(lambda: self.seen.append("inner"))
        self.assertTrue(self.hub.wait(lambda: True))
        self.assertEqual(self.seen, ["inner"])

    def test_not_serving(self) -> None:
        """A wait that must not serve leaves the jobs alone."""
        self.hub.post(lambda: self.seen.append("job"))
        self.assertTrue(self.hub.wait(lambda: bool(self.leadership.timeouts), serve=False))
        self.assertEqual(self.seen, [])
        self.assertTrue(self.hub.has_jobs)

    def test_failing_job(self) -> None:
        """What a job raises goes to the thread that does it; the next job is still there."""
        self.hub.post(lambda: 1 // 0)
        self.hub.post(lambda: self.seen.append("next"))
        self.assertRaises(ZeroDivisionError, self.hub.wait, lambda: True)
        self.assertTrue(self.hub.do_job())
        self.assertEqual(self.seen, ["next"])

    def test_post_wakes_sleeper(self) -> None:
        """A job that is posted while one thread leads is done by one that sleeps."""
        begun, may_end = self.park()
        leader = Waiting(lambda: self.hub.wait(lambda: bool(self.leadership.timeouts)))
        begun.wait(30)
        sleeper = Waiting(lambda: self.hub.wait(lambda: bool(self.seen)))
        self.hub.post(lambda: self.seen.append(threading.get_ident()))
        self.assertTrue(sleeper.result())
        self.assertEqual(self.seen, [sleeper.thread.ident])
        may_end.set()
        leader.result()

    def test_servants_only(self) -> None:
        """While a servant is there nobody else does a job, and after it has gone everybody does."""
        hired, may_go = threading.Event(), threading.Event()

        def servant() -> None:
            self.hub.hire()
            hired.set()
            may_go.wait(30)
            self.hub.do_job()
            self.hub.dismiss()

        serving = Waiting(servant)
        hired.wait(30)
        for _ in range(2):
            self.hub.post(lambda: self.seen.append(threading.get_ident()))
        self.assertFalse(self.hub.do_job())
        self.assertTrue(self.hub.wait(lambda: bool(self.leadership.timeouts)))
        self.assertEqual(self.seen, [])
        may_go.set()
        serving.result()
        self.assertTrue(self.hub.do_job())
        self.assertEqual(self.seen, [serving.thread.ident, threading.get_ident()])


class EndTests(HubTestCase):
    def test_ends_waits(self) -> None:
        """After the end a wait gives up, but does what jobs are left, and still sees a condition that holds."""
        self.hub.post(lambda: self.seen.append("last"))
        self.hub.end()
        self.assertFalse(self.hub.wait(lambda: False))
        self.assertTrue(self.hub.wait(lambda: self.seen == ["last"]))
        self.hub.glance()
        self.assertEqual(self.leadership.timeouts, [])

    def test_wakes_sleepers(self) -> None:
        """The end wakes who sleeps, and the descriptors are given back after the leader's step, once."""
        begun, may_end = self.park()
        waiters = [Waiting(lambda: self.hub.wait(lambda: False))]
        begun.wait(30)
        waiters.append(Waiting(lambda: self.hub.wait(lambda: False)))
        self.hub.end()
        self.assertEqual(self.leadership.disposals, 0)
        may_end.set()
        self.assertEqual([waiter.result() for waiter in waiters], [False, False])
        self.hub.end()
        self.assertEqual(self.leadership.disposals, 1)

    def test_disposes_when_idle(self) -> None:
        """Where nobody leads, the descriptors are given back at once, and once."""
        self.hub.end()
        self.hub.end()
        self.assertEqual(self.leadership.disposals, 1)

    def test_in_a_step(self) -> None:
        """An end that is found out inside a step lets that return, and is disposed of after it."""
        self.leadership.on_step = lambda: (self.hub.end(), self.seen.append(self.leadership.disposals))
        self.assertFalse(self.hub.wait(lambda: False))
        self.assertEqual((self.seen, self.leadership.disposals), ([0], 1))
        self.assertEqual(self.leadership.interrupts, 1)

    def test_led_by_a_reactor(self) -> None:
        """Where a reactor leads for ever, a wait only sleeps, and jobs are for servants alone."""
        hub = Hub(None)
        waiter = Waiting(lambda: hub.wait(lambda: bool(self.seen)))
        hub.post(lambda: self.seen.append("job"))
        self.assertFalse(hub.do_job())
        hub.hire()
        self.assertTrue(hub.do_job())
        hub.notify()
        self.assertTrue(waiter.result())
        hub.interrupt()
        hub.end()
        self.assertFalse(hub.wait(lambda: False))


class Attendant:
    """Keeps account of what it is told, and of what is true then."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.hub = Hub(None, self)

    def job_came(self) -> None:
        self.told.append(("job", self.hub.has_jobs))

    def sleeps(self) -> None:
        self.told.append(("sleeps", threading.get_ident()))

    def woke(self) -> None:
        pass

    def may_help(self, since: int) -> bool:
        return False

    def help(self, since: int) -> bool:
        return False

    def ended(self) -> None:
        self.told.append(("ended", self.hub.ended))


class AttendantTests(BlockingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.attendant = Attendant()
        self.hub = self.attendant.hub

    def test_job(self) -> None:
        """The attendant is told of each job, after it can be found."""
        self.hub.post(lambda: None)
        self.assertTrue(self.hub.do_job(worker=True))
        self.hub.post(lambda: None)
        self.assertEqual(self.attendant.told, [("job", True)] * 2)

    def test_sleep(self) -> None:
        """It is told by a thread that is about to sleep, but not by one that need not."""
        self.assertTrue(self.hub.wait(lambda: True))
        self.assertFalse(self.hub.wait(lambda: False, monotonic() - 1))
        self.assertEqual(self.attendant.told, [])
        news = threading.Event()
        waiting = Waiting(lambda: self.hub.wait(news.is_set))
        self.until(lambda: self.hub.sleepers)
        self.assertEqual(self.attendant.told, [("sleeps", waiting.thread.ident)])
        news.set()
        self.hub.notify()
        self.assertTrue(waiting.result())

    def test_news_while_telling(self) -> None:
        """What comes while the attendant is told is not slept through."""
        news: list[str] = []
        self.attendant.sleeps = lambda: news.append("just now")
        self.assertTrue(self.hub.wait(lambda: bool(news)))

    def test_end(self) -> None:
        """It is told of the end, once the hub knows of it; jobs can still be done."""
        self.hub.post(lambda: None)
        self.hub.end()
        self.assertEqual(self.attendant.told, [("job", True), ("ended", True)])
        self.assertTrue(self.hub.do_job(worker=True))
        self.assertFalse(self.hub.wait(lambda: False))

    def test_jobs_are_for_workers(self) -> None:
        """Nobody else does a job, unless in the middle of one."""
        done: list[str] = []
        self.hub.post(lambda: self.hub.wait(lambda: "inner" in done))
        self.hub.post(lambda: done.append("inner"))
        self.assertFalse(self.hub.do_job())
        self.assertFalse(self.hub.wait(lambda: False, monotonic() + 0.01))
        self.assertTrue(self.hub.do_job(worker=True))
        self.assertEqual((done, self.hub.has_jobs), (["inner"], False))

    def test_lead_once(self) -> None:
        """Who leads once leads while it reads, gives what that gives, and whoever sleeps is told afterwards."""
        news: list[str] = []

        def read() -> bool:
            leading.append(self.hub.leading)
            news.append("read")
            self.hub.brought()
            return True

        leading: list[bool] = []
        waiting = Waiting(lambda: self.hub.wait(lambda: bool(news)))
        self.until(lambda: self.hub.sleepers)
        self.assertTrue(self.hub.lead_once(read))
        self.assertTrue(waiting.result())
        self.assertFalse(self.hub.lead_once(lambda: False))
        self.assertEqual((leading, self.hub.leading), ([True], False))

    def test_lead_once_that_fails(self) -> None:
        """If reading fails nobody leads afterwards but the reactor, and whoever sleeps is told all the same."""
        news: list[str] = []

        def read() -> bool:
            news.append("read")
            raise LookupError

        waiting = Waiting(lambda: self.hub.wait(lambda: bool(news)))
        self.until(lambda: self.hub.sleepers)
        self.assertRaises(LookupError, self.hub.lead_once, read)
        self.assertTrue(waiting.result())
        self.assertFalse(self.hub.leading)

    def test_waiting_while_leading_once(self) -> None:
        """A wait by who leads once, which would never end, is an error; others can wait meanwhile."""
        inside, may_end = threading.Event(), threading.Event()

        def read() -> bool:
            self.assertRaises(WrongThread, self.hub.wait, lambda: False)
            inside.set()
            return may_end.wait(PATIENCE)

        reading = Waiting(lambda: self.hub.lead_once(read))
        inside.wait(PATIENCE)
        self.assertFalse(self.hub.wait(lambda: False, monotonic() + 0.01))
        self.assertFalse(self.hub.leading)
        may_end.set()
        self.assertTrue(reading.result())


class Wire:
    """A leadership that takes in, one by one, what is put on a wire: functions to be called in a step."""

    def __init__(self) -> None:
        self._coming: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.put = self._coming.put

    def step(self, timeout: float | None) -> None:
        try:
            self._coming.get(timeout=timeout)()
        except queue.Empty:
            pass

    def interrupt(self) -> None:
        self.put(lambda: None)

    def dispose(self) -> None:
        pass


class ManyThreadsTests(BlockingTestCase):
    """Many threads wait at once, each for something of its own, again and again: each wait ends."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)

    def all_end(self, wait: Callable[[int], None], rounds: int = 300, threads: int = 8) -> None:
        def work(number: int) -> None:
            for _ in range(rounds):
                wait(number)

        for waiting in [Waiting(partial(work, number)) for number in range(threads)]:
            waiting.result()

    def test_answers(self) -> None:
        """What each waits for comes by the wire, whoever takes it in."""
        wire = Wire()
        hub = Hub(wire)

        def wait(number: int) -> None:
            answer: list[int] = []

            def deliver() -> None:
                answer.append(number)
                hub.brought()

            wire.put(deliver)
            self.assertTrue(hub.wait(answer.__len__))

        self.all_end(wait)

    def test_jobs_and_answers(self) -> None:
        """Before each answer comes a job, done by anyone who waits; some jobs wait, too."""
        wire = Wire()
        hub = Hub(wire)
        done: list[int] = []

        def ask(number: int, job: Callable[[], None]) -> None:
            answer: list[int] = []

            def deliver() -> None:
                answer.append(number)
                hub.brought()

            wire.put(lambda: hub.post(job))
            wire.put(deliver)
            since = hub.mailbox.posted
            self.assertTrue(hub.wait(answer.__len__, since=since))

        def wait(number: int) -> None:
            ask(number, lambda: ask(number, lambda: done.append(number)))

        self.all_end(wait, rounds=100)
        while hub.do_job():
            pass
        self.assertEqual(sorted(done), [number for number in range(8) for _ in range(100)])

    def test_from_outside(self) -> None:
        """What each waits for comes from another thread, while someone leads; it tells and interrupts."""
        wire = Wire()
        hub = Hub(wire)
        asked: queue.SimpleQueue[list[int] | None] = queue.SimpleQueue()

        def answer() -> None:
            while (waiting := asked.get()) is not None:
                waiting.append(1)
                hub.notify()
                hub.interrupt()

        answering = Waiting(answer)

        def wait(_number: int) -> None:
            answer: list[int] = []
            asked.put(answer)
            self.assertTrue(hub.wait(answer.__len__))

        self.all_end(wait)
        asked.put(None)
        answering.result()

    def test_servants(self) -> None:
        """What each waits for is a job, which only a thread that is hired may do; it comes and goes."""
        wire = Wire()
        hub = Hub(wire)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                hub.hire()
                hub.wait(ended.is_set, monotonic() + 0.001)
                hub.dismiss()

        serving = Waiting(serve)

        def wait(_number: int) -> None:
            done: list[int] = []

            def job() -> None:
                done.append(1)
                hub.notify()
                hub.interrupt()

            wire.put(lambda: hub.post(job))
            self.assertTrue(hub.wait(done.__len__))

        self.all_end(wait, rounds=100)
        ended.set()
        hub.interrupt()
        serving.result()

    def test_resident(self) -> None:
        """What each waits for is read by a reactor, or by a thread that leads once, in turns."""
        hub = Hub(None, Nobody())
        wire: queue.SimpleQueue[list[int] | None] = queue.SimpleQueue()
        turn = threading.Lock()
        luck = random.Random(1)

        def read() -> bool:
            answer = wire.get()
            if answer is None:
                return False
            answer.append(1)
            hub.brought()
            return True

        def lend() -> None:
            going_on = True
            while going_on:
                with turn:
                    going_on = read() if luck.random() < 0.5 else hub.lead_once(read)

        readers = [Waiting(lend) for _ in range(2)]

        def wait(_number: int) -> None:
            answer: list[int] = []
            wire.put(answer)
            self.assertTrue(hub.wait(answer.__len__))

        self.all_end(wait)
        for _ in readers:
            wire.put(None)
        for reader in readers:
            reader.result()

    def test_deadlines(self) -> None:
        """Some give up after a moment; the others still get theirs."""
        wire = Wire()
        hub = Hub(wire)

        def wait(number: int) -> None:
            if number % 2:
                hub.wait(lambda: False, monotonic() + 0.0005)
                return
            answer: list[int] = []

            def deliver() -> None:
                answer.append(number)
                hub.brought()

            wire.put(deliver)
            self.assertTrue(hub.wait(answer.__len__))

        self.all_end(wait)

    def test_end(self) -> None:
        """When the hub ends, whoever waits, leads or is about to, returns."""
        for _ in range(50):
            wire = Wire()
            hub = Hub(wire)
            waiting = [Waiting(lambda hub=hub: hub.wait(lambda: False)) for _ in range(6)]
            hub.end()
            self.assertEqual([waiter.result() for waiter in waiting], [False] * 6)


class Nobody:
    """An attendant that does nothing."""

    def job_came(self) -> None:
        pass

    def sleeps(self) -> None:
        pass

    def woke(self) -> None:
        pass

    def may_help(self, since: int) -> bool:
        return False

    def help(self, since: int) -> bool:
        return False

    def ended(self) -> None:
        pass
