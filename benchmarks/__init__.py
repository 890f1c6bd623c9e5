"""Measures txrpyc against rpyc and other peers. ``python3 -m benchmarks --help`` says how; see also README.md here."""
