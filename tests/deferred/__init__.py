"""Tests of the Deferred face: in memory, over loopback, and with the real rpyc in other processes."""
