"""The other processes: they start, tell their port, and say why when they fail."""

import socket
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests import peers


class PeerTests(SynchronousTestCase):
    def test_real_rpyc_listens(self) -> None:
        """Each version of rpyc serves on the port that it tells, and ends when stopped."""
        for version in peers.VERSIONS:
            peer = peers.Peer(peers.python_of(version), "rpyc_classic_server.py")
            self.addCleanup(peer.stop)
            socket.create_connection(("127.0.0.1", peer.port)).close()
            peer.stop()
            self.assertIsNotNone(peer.process.returncode)

    def test_failure_shows_stderr(self) -> None:
        """A script that cannot start is an error which holds what it wrote to stderr."""
        problem = self.assertRaises(peers.PeerError, peers.Peer, sys.executable, "there_is_no_such_script.py")
        self.assertIn("can't open file", str(problem))
