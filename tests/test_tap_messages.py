"""``twistd txrpyc`` explains itself: its help, and one line for everything that it refuses."""

from __future__ import annotations

import re
import socket
import subprocess
import textwrap

from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tests.twistd import END_TIMEOUT, TWISTD, Twistd, new_folder, start
from txrpyc.classic import SlaveService
from txrpyc.listener import Place
from txrpyc.tap import Options, makeService

UNREACHABLE = "cannot listen on "

# What is typed, and what the one line has to say: what is wrong, and what to do.
REFUSED = {
    ("--service", "Blocking"): ["package.module.Class", "'Blocking'"],
    ("--service", "nowhere.Blocking"): ["no module 'nowhere'", "Python looks"],
    ("--service", "myservice.Nothing"): ["myservice has no 'Nothing'", "Blocking, ForRpyc, InReactor"],
    ("--service", "myservice.NoService"): ["not a service", "subclass of txrpyc.Service or txrpyc.deferred.Service"],
    ("--service", "broken.Service"): ["importing broken failed", "SyntaxError", "broken.py, line 2"],
    ("--service", "failing.Service"): ["importing failing failed", "ZeroDivisionError"],
    ("--service", "lacking.Service"): ["importing lacking failed", "No module named 'not_installed'", "install"],
    ("--endpoint", "18812"): ["'18812' is not a server endpoint", "tcp:18812:interface=127.0.0.1"],
    ("--endpoint", "tcp:eighty"): ["is not a server endpoint", "tcp:18812:interface=127.0.0.1"],
    ("--endpoint", "tcp:1:inter=127.0.0.1"): ["unexpected keyword argument 'inter'", "tcp:18812:interface=127.0.0.1"],
    ("--endpoint", "unix:no/such/folder/x"): [UNREACHABLE, "there is no folder no/such/folder", "--endpoint"],
    ("--endpoint", "tcp:99999:interface=127.0.0.1"): [UNREACHABLE, "0-65535"],
    ("--config", "max_frame"): ["key=value", "'max_frame'"],
    ("--config", "max_fame=1"): ["unknown configuration 'max_fame'", "known are", "max_frame"],
    ("--config", "allow_getattr=false"): ["allow_getattr takes True or False, not 'false'"],
    ("--config", "compression=lots"): ["'auto', 'always' or 'never'"],
    ("--workers", "0"): ["--workers takes a whole number of at least 1, not '0'"],
    ("--concurrency", "many"): ["--concurrency takes a whole number of at least 1, not 'many'"],
    ("--servise", "x"): ["--servise", "twistd txrpyc --help"],
    ("myservice.Blocking",): ["'myservice.Blocking' belongs to no option", "twistd txrpyc --help"],
    ("--endpoint", "tcp:18812"): ["run any code here", "interface=127.0.0.1", "--allow-remote-code-execution"],
}
MODULES = {
    "broken": "import txrpyc\nclass Service(txrpyc.Service:\n    pass\n",
    "failing": "1 / 0\n",
    "lacking": "import not_installed\n",
}

OPEN = ["tcp:0", "tcp:0:interface=0.0.0.0", "tcp6:0", "tcp:0:interface=192.0.2.1", "tcp:0:interface=127.example.org"]
LOCAL = [
    "tcp:0:interface=127.0.0.1",
    "tcp:0:interface=127.5.5.5",
    "tcp:0:interface=localhost",
    r"tcp6:0:interface=\:\:1",
    "unix:calc.sock",
]


class HelpTests(SynchronousTestCase):
    def setUp(self) -> None:
        help_ = start([*TWISTD, "txrpyc", "--help"], new_folder(self.mktemp()))
        self.text = help_.communicate(timeout=END_TIMEOUT)[0]

    def test_what_it_tells(self) -> None:
        """The help tells where it listens, how to serve a class, how to call and to end it, and what is dangerous."""
        self.assertTrue(self.text.startswith("Usage: twistd [options] txrpyc [options]\n"))
        words = " ".join(self.text.split())
        for needed in (
            "127.0.0.1, port 18812",
            "[default: tcp:18812:interface=127.0.0.1]",
            "twistd -n txrpyc --service myservice.Calculator",
            'txrpyc.connect("127.0.0.1", 18812)',
            "Ctrl-C ends it",
            "There is no password: whoever reaches the address can run any code as the user of the server.",
        ):
            self.assertIn(needed, words)

    def test_layout(self) -> None:
        """The help fits into 80 columns, and its examples keep their lines."""
        self.assertEqual([line for line in self.text.splitlines() if len(line) > 80], [])
        self.assertIn("    class Calculator(txrpyc.Service):\n        @txrpyc.exposed\n        def add(", self.text)

    def test_examples(self) -> None:
        """What the help shows works as it stands: the service is served, and the client prints the sum."""
        blocks = re.findall(r"(?<=:\n\n)(?:    .*\n|\n)+", self.text)
        _classic, service, _command, client = map(textwrap.dedent, blocks)
        folder = new_folder(self.mktemp())
        (folder / "myservice.py").write_text(service)
        server = Twistd(folder, "--service", "myservice.Calculator")
        self.addCleanup(server.kill)
        client = client.replace("18812", str(server.port))
        done = subprocess.run([TWISTD[0], "-c", client], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.stderr), ("3\n", ""))


class RefusalTests(SynchronousTestCase):
    def said_by(self, process: subprocess.Popen[str]) -> str:
        """Give what a command said that was to fail."""
        output = process.communicate(timeout=60)[0]
        self.assertNotEqual(process.returncode, 0, output)
        self.assertNotIn("Traceback", output)
        return output

    def test_one_line(self) -> None:
        """Whatever is wrong: one line that says what, and what to do; the status is not 0."""
        folder = new_folder(self.mktemp())
        for name, code in MODULES.items():
            (folder / f"{name}.py").write_text(code)
        started = {words: start([*TWISTD, "-n", "--pidfile=", "txrpyc", *words], folder) for words in REFUSED}
        for words, process in started.items():
            said = self.said_by(process)
            self.assertEqual(said.count("\n"), 1, said)
            self.assertTrue(said.startswith("twistd txrpyc: "), said)
            for needed in REFUSED[words]:
                self.assertIn(needed, said)

    def test_busy_port(self) -> None:
        """A port that another program has is refused before anything starts, in the background as well."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            endpoint = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
            for options in (["-n", "--pidfile="], []):
                folder = new_folder(self.mktemp())
                said = self.said_by(start([*TWISTD, *options, "txrpyc", "--endpoint", endpoint], folder))
                self.assertTrue(said.startswith(f"twistd txrpyc: {UNREACHABLE}{endpoint}: Address already in use. "))
                self.assertIn("choose another address with --endpoint", said)
                self.assertEqual(
                    [path.name for path in folder.iterdir() if path.name != "__pycache__"], ["myservice.py"]
                )

    def test_busy_socket(self) -> None:
        """A unix socket where another server listens is refused; one that a killed server left is taken over."""
        server = Twistd(new_folder(self.mktemp()), "--endpoint", "unix:calc.sock")
        self.addCleanup(server.kill)
        said = self.said_by(start([*TWISTD, "-n", "--pidfile=", "txrpyc", "-e", "unix:calc.sock"], server.folder))
        self.assertIn("Address already in use", said)
        server.kill()
        self.assertTrue((server.folder / "calc.sock").exists())
        again = Twistd(server.folder, "--endpoint", "unix:calc.sock")
        self.addCleanup(again.kill)

    def test_taken_meanwhile(self) -> None:
        """A port that is lost only when it is to be opened, here to itself, is one last line of the log."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            endpoint = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        command = [*TWISTD, "-n", "--pidfile=", "txrpyc", "-e", endpoint, "-e", endpoint]
        said = self.said_by(start(command, new_folder(self.mktemp())))
        self.assertIn(f"{UNREACHABLE}{endpoint}: Address already in use", said.splitlines()[-1])


class TrustTests(SynchronousTestCase):
    """Where classic mode may listen. In this process: nothing is listened on."""

    def make(self, *words: str) -> None:
        options = Options()
        options.parseOptions(words)
        makeService(options)

    def test_open_addresses(self) -> None:
        """Classic mode is refused where other machines could reach it, or where that cannot be told."""
        for endpoint in OPEN:
            error = self.assertRaises(SystemExit, self.make, "--endpoint", endpoint)
            self.assertIn("--allow-remote-code-execution", str(error))
            self.assertRaises(SystemExit, self.make, "--endpoint", LOCAL[0], "--endpoint", endpoint)

    def test_open_tls(self) -> None:
        """TLS without an interface is open as well: it keeps nobody out."""
        place = Place()
        self.successResultOf(SSL4ServerEndpoint(place, 443, None).listen(Factory()))
        self.assertEqual((place.address, place.is_local), (("", 443), False))

    def test_local_addresses(self) -> None:
        """Classic mode may listen on loopback, of either kind, and on unix sockets."""
        for endpoint in LOCAL:
            self.assertTrue(Place.of(endpoint).is_local, endpoint)
        self.make("--endpoint", LOCAL[0], "--endpoint", "unix:calc.sock")

    def test_allowed_in_words(self) -> None:
        """It listens anywhere if the operator says so in words."""
        self.make("--allow-remote-code-execution", "--endpoint", "tcp:0")

    def test_by_its_name(self) -> None:
        """Classic mode that is asked for as a --service is classic mode."""
        name = f"{SlaveService.__module__}.{SlaveService.__qualname__}"
        for service in (name, "txrpyc.ClassicService"):
            error = self.assertRaises(SystemExit, self.make, "--service", service, "--endpoint", "tcp:0")
            self.assertIn("--allow-remote-code-execution", str(error))

    def test_own_service(self) -> None:
        """A service of one's own may listen anywhere."""
        self.make("--service", "txrpyc.VoidService", "--endpoint", "tcp:0")
