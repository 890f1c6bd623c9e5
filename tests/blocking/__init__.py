"""The tests of ``txrpyc.blocking`` and ``txrpyc.classic``: against txrpyc and the real rpyc in other processes."""
