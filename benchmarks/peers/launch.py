"""Become another program, one that is not on its own: the arguments are the processor that it may run on, or "any",
and the command.

On Linux the system kills it when the process that started this ends. It may have as many descriptors as a crowd of
clients needs.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
DESCRIPTORS = 65536

processor, *command = sys.argv[1:]
if processor != "any":
    os.sched_setaffinity(0, {int(processor)})
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
os.execv(command[0], command)
