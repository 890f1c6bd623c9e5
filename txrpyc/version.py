"""The version of this package, and the RPyC versions whose wire it speaks."""

__version__ = "0.1.0"

RPYC_VERSION = "6.0.2"
"""What we tell a peer of rpyc 6 that we are, so that it does not warn of a version mismatch."""

RPYC_5_VERSION = "5.3.1"
"""The same, for a peer that speaks the wire of rpyc 4.1 to 5.3."""
