"""The blocking face: RPyC's documented API, for ordinary scripts. Whoever waits runs the connection's reactor."""
