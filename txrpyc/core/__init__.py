"""Bytes, records and rules: RPyC without Twisted, sockets, threads or clocks."""
