"""Ties a process's life to its parent's, so that no orphan outlives a killed parent.

The kernel sends the signal when the thread that started us ends, even by ``kill -9``.  Between our start and the call the
parent may already be gone; the process number it left in ``MUSTER_SUPERVISOR_PID`` shows that.

``python -m workers.leash LOCKFILE COMMAND…`` does the same for a program that is not ours: it takes the lock, which
stays held for as long as the program lives, and becomes the program.
"""

import ctypes
import fcntl
import os
import signal
import sys
import time

PARENT = "MUSTER_SUPERVISOR_PID"

_PR_SET_PDEATHSIG = 1
_LOCK_WAIT_S = 5.0


def tie_to_parent(parent: int | None = None, sign: int = signal.SIGKILL) -> None:
    """Die with ``parent`` (default: the process named by the environment; without one nothing is tied)."""
    if parent is None:
        parent = int(os.environ.get(PARENT, "0"))
    if not parent:
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sign, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def hold(path: str, wait_s: float = 0.0) -> int | None:
    """Take the lock file at ``path``; returns the descriptor that holds it, or None while another process has it.

    The lock goes with the descriptor, so a killed holder never leaves it behind.  ``wait_s`` gives a
    holder that is just ending the time to do so.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(lock)
                return None
            time.sleep(0.05)
        else:
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return lock


def main() -> None:
    """Take the lock and become the command."""
    lock_path, *command = sys.argv[1:]
    tie_to_parent()
    lock = hold(lock_path, _LOCK_WAIT_S)
    if lock is None:
        sys.exit(f"{command[0]}: another process owns {lock_path}")
    os.set_inheritable(lock, True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
