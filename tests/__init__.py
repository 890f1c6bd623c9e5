"""
The tests of txrpyc, to be run by trial with warnings as errors.

A file here stands for the file of the same name in ``txrpyc/``; the others say what they hold.
"""

from hypothesis import settings

# Nothing may depend on speed. The rest is hypothesis' own choice: where CI is set, it draws the
# same examples every time.
settings.register_profile("txrpyc", deadline=None)
settings.load_profile("txrpyc")
