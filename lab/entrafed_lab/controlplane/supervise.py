"""Run one program and end it when whoever started this one is gone: `supervise.py GRACE PROGRAM ARGUMENT...`.

Standard library only, run as a script of its own process. Its standard input is a pipe of which the launcher holds the
only other end: the pipe's end of file comes on a wished stop (the launcher closes it), on Ctrl-C and on SIGKILL of the
launcher alike, which no handler in the launcher could promise. Then the program's whole process group gets SIGTERM,
after GRACE seconds SIGKILL, and this process ends only when the program has ended: its end is the program's end.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """In the child: SIGKILL when this supervisor is itself killed. Linux only; elsewhere the pipe has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for_end(launcher: int, child: "subprocess.Popen[bytes]") -> None:
    """Return when the child has ended, or when it should: end of file on `launcher`, or a signal to us."""
    asked_to_stop = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, note)
    while child.poll() is None and not asked_to_stop:
        ready, _, _ = select.select([launcher, wakeup], [], [], 60)
        if wakeup in ready:
            os.read(wakeup, 512)
        if launcher in ready and not os.read(launcher, 512):
            return


def end(child: "subprocess.Popen[bytes]", grace: float) -> int:
    """End the child's process group, politely first. The child's exit code, 128 + n for signal n as shells say it."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        try:
            code = child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        return code if code >= 0 else 128 - code
    return 128 + signal.SIGKILL


def main(arguments: list[str]) -> int:
    grace, *command = arguments
    child = subprocess.Popen(  # noqa: S603 - the launcher's own command, no shell
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
    )
    wait_for_end(sys.stdin.fileno(), child)
    return end(child, float(grace))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
