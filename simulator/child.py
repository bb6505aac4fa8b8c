"""What every process of the local stack shares: its socket, its end, its one-line log."""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType

GRACE_S = 2.0


def adopt(fd: int) -> socket.socket:
    """The listening socket that the parent opened, so that the port is ours from the start."""
    return socket.socket(fileno=fd)


def end_with_parent() -> None:
    """Ends this process on SIGTERM, and when the parent is gone, however the parent ended.

    The parent holds the other end of our standard input and never writes: end of file means that
    it died. (A pipe, because prctl's parent-death signal exists on Linux only.)
    """
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, daemon=True, name="parent").start()


def say(line: str) -> None:
    """One line for the log, with the time; callers never pass a subscriber's number."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def describe(error: BaseException) -> str:
    """Type and place of an error in one line. Its text is left out: it may quote a request."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    place = Path(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} at {place}:{trace.tb_lineno}"


def _exit(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _wait_for_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
