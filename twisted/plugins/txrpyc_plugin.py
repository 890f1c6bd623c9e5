"""
Tell ``twistd`` that there is a ``txrpyc`` command.

Only a description: ``twistd`` imports this file whatever it is asked to run, and ``txrpyc.tap``
only when it is asked for ``txrpyc``. There is no ``__init__.py`` in this folder or the one above:
with it, Twisted would skip the folder, or be hidden by it.
"""

from twisted.application.service import ServiceMaker

txrpyc = ServiceMaker(
    "txrpyc",
    "txrpyc.tap",
    "An RPyC server: other Python processes use the objects that it offers.",
    "txrpyc",
)
