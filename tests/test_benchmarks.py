"""The benchmarks: that they run, and what they say. Nothing here depends on speed.

Instead of the environments that the command would make, the interpreter of the tests takes part, and rpyc's of
`tests.peers`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.contestants import CONTESTANTS, Contestant, End
from benchmarks.environments import Environments
from benchmarks.lines import Line, lines_of
from benchmarks.pairs import Pair
from benchmarks.processes import Failed
from benchmarks.table import markdown, plain
from benchmarks.turns import Arena, Outcome, Pace, take_turns
from benchmarks.works import WORKS, Figure, Goal, Work
from tests.peers import CHECKOUT, START_TIMEOUT, python_of

SOCKET = next(contestant for contestant in CONTESTANTS if contestant.family == "socket")
SOON = Pace(quick=True, seconds=0.001, rounds=2)
SPEED = Work("speed", "", (), (Figure("rate", "calls/s", (Goal(2, 3, families=("threaded",)),)),))
DELAY = Work("delay", "", (), (Figure("late", "ms", (Goal(2, 2, families=("threaded",)),), lower_is_better=True),))
SIZE = Work("size", "", (), (Figure("kib", "KiB", (Goal(5, 5, "", ("threaded",)),), lower_is_better=True),))


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )


class CommandTests(SynchronousTestCase):
    """The command, as a user runs it."""

    def test_quick(self) -> None:
        """A quick run of some works, by both faces, prints a table and writes the results."""
        results = Path(self.mktemp())
        pythons = [f"rpyc={python_of('6.0.2')}", f"pure={sys.executable}", f"twisted={sys.executable}"]
        given = [word for python in pythons for word in ("--python", python)]
        words = ["--quick", "--rounds", "1", "--unpinned", "--forms", "pure", "--no-charts"]
        done = command(*words, "--only", "root_add,rows,many,await", "--results", str(results.absolute()), *given)
        self.assertEqual(done.returncode, 0, done.stderr)
        content = json.loads((results / "results.json").read_text("utf-8"))
        found = {(line["work"], line["contestant"]): line for line in content["lines"]}
        blocking = ("rpyc", "txrpyc pure", "twistd txrpyc pure")
        wanted = {(work, name) for work in ("root_add", "rows", "many") for name in blocking}
        wanted |= {("await", name) for name in ("txrpyc.deferred pure", "Perspective Broker", "AMP")}
        self.assertEqual(set(found), wanted)
        for line in content["lines"]:
            self.assertEqual(line["failed"], "", line)
            self.assertGreaterEqual(line["median"], 0)
        self.assertGreater(found["root_add", "txrpyc pure"]["ratio"], 0)
        text = (results / "results.md").read_text("utf-8")
        for work, contestant in wanted:
            self.assertIn(f"| {work} | {contestant} |", text)
            self.assertIn(contestant, done.stdout)

    def test_unknown_work(self) -> None:
        """An unknown work ends the command with a line that names those that there are."""
        done = command("--only", "bound,nonsense")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        (line,) = done.stderr.splitlines()
        self.assertIn("'nonsense'", line)
        for name in WORKS:
            self.assertIn(name, line)

    def test_list(self) -> None:
        """The list has every work."""
        done = command("--list")
        self.assertEqual(done.returncode, 0, done.stderr)
        for work in WORKS.values():
            self.assertIn(f"{work.name.ljust(14)} {work.what}", done.stdout)


class TurnsTests(SynchronousTestCase):
    """Turns, with plain sockets, which need no environment."""

    def test_failure_stays_where_it_is(self) -> None:
        """A contestant that cannot do a work has failed, with the reason; the others have all their rounds."""
        silent = Contestant("silent", "rpyc", SOCKET.server, End("plain", ("no_such_client.py", "{port}")))
        unable = Contestant("unable", "rpyc", SOCKET.server, End("plain", ("managers_client.py", "1")))
        with Arena(Environments(), None) as arena:
            outcomes = take_turns(arena, WORKS["bound"], [silent, SOCKET, unable], SOON)
        self.assertEqual(len(outcomes[SOCKET.name].answers), 2)
        self.assertIn("no_such_client.py", outcomes["silent"].failed)
        self.assertIn("refused", outcomes["unable"].failed)

    def test_unknown_to_the_client(self) -> None:
        """What a client cannot do is an error, in one line, after which new processes are used."""
        with Arena(Environments(), None) as arena:
            outcomes = take_turns(arena, WORKS["make"], [SOCKET], SOON)
            again = take_turns(arena, WORKS["pipelined"], [SOCKET], SOON)
        self.assertEqual(outcomes[SOCKET.name].failed, "KeyError: 'make'")
        self.assertEqual(again[SOCKET.name].failed, "")

    def test_processes_end(self) -> None:
        """Stopping a pair ends both processes, and may be done twice."""
        pair = Pair(SOCKET.server, SOCKET.client, Environments(), None)
        pids = pair.server.pid, pair.client.pid
        pair.stop()
        pair.stop()
        for pid in pids:
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)

    def test_pinned(self) -> None:
        """Both ends of a pinned pair may run on the one processor only."""
        processor = max(os.sched_getaffinity(0))
        pair = Pair(SOCKET.server, SOCKET.client, Environments(), processor)
        self.addCleanup(pair.stop)
        pair.client.ask({"work": "bound", "count": 1}, START_TIMEOUT)
        for pid in (pair.server.pid, pair.client.pid):
            self.assertEqual(os.sched_getaffinity(pid), {processor})

    def test_missing_environment(self) -> None:
        """An interpreter that is not there is a failure of those who need it."""
        environments = Environments({"pyro": "/nonexistent/python"})
        pyro = next(contestant for contestant in CONTESTANTS if contestant.family == "pyro")
        self.assertRaises(Failed, Pair, pyro.server, pyro.client, environments, None)


class LinesTests(SynchronousTestCase):
    """Figures, ratios and goals."""

    def lines(self, work: Work, **answers: list[dict[str, Any]] | str) -> dict[str, Line]:
        """Give the lines of contestants of which the first letters name the family."""
        ends = End("plain", ("nothing",))
        families = {"rpyc": ("rpyc", ""), "pure": ("threaded", "pure"), "built": ("threaded", "built")}
        contestants = [Contestant(name, families[name][0], ends, ends, families[name][1]) for name in answers]
        outcomes = {
            name: Outcome(failed=found) if isinstance(found, str) else Outcome(found) for name, found in answers.items()
        }
        return {line.contestant: line for line in lines_of("pinned", work, contestants, outcomes)}

    def test_ratio(self) -> None:
        """The ratio is that of the medians; the extremes are those of single rounds."""
        theirs = [{"rate": rate} for rate in (100, 50, 200)]
        ours = [{"rate": rate} for rate in (200, 300, 250)]
        lines = self.lines(SPEED, rpyc=theirs, pure=ours, built=ours)
        line = lines["pure"]
        self.assertEqual((line.ratio, line.ratio_min, line.ratio_max), (2.5, 1.25, 6.0))
        self.assertEqual([lines[name].met for name in ("rpyc", "pure", "built")], [None, True, False])

    def test_lower_is_better(self) -> None:
        """Where a lower figure is better, the ratio is the other way round."""
        line = self.lines(DELAY, rpyc=[{"late": 50.0}], pure=[{"late": 10.0}])["pure"]
        self.assertEqual((line.ratio, line.met), (5.0, True))

    def test_at_most(self) -> None:
        """A goal against nobody limits the figure itself."""
        lines = self.lines(SIZE, pure=[{"kib": 5}], built=[{"kib": 6}])
        self.assertEqual([lines["pure"].met, lines["built"].met], [True, False])

    def test_failed(self) -> None:
        """Who failed has the reason and no figure; what would be compared to it has no ratio."""
        lines = self.lines(SPEED, rpyc="it ended", pure=[{"rate": 1.0}])
        self.assertEqual((lines["rpyc"].median, lines["pure"].ratio, lines["pure"].met), (None, None, None))
        for text in (plain(lines.values(), ["pinned"]), markdown(lines.values(), ["pinned"])):
            self.assertIn("failed: it ended", text)
            self.assertIn("2 x rpyc", text)
