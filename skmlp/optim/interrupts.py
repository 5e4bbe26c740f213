"""Ctrl-C between two steps of a training, not in the middle of one."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType, TracebackType

Handler = Callable[[int, FrameType | None], object]


class Step:
    """A context in which Ctrl-C waits until it is left; it is entered again for every step.

    Parameters
    ----------
    handler : callable
        What Ctrl-C calls elsewhere.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.is_under_way = False
        self.waiting: tuple[int, FrameType | None] | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take note of a signal, as a handler does."""
        if self.is_under_way:
            self.waiting = number, frame
        else:
            self.handler(number, frame)

    def __enter__(self) -> None:
        self.is_under_way = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_under_way = False
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            self.handler(*waiting)


@contextmanager
def interruptible() -> Iterator[Step]:
    """Within the block, let Ctrl-C through but in a step: what that changes, it changes as a whole.

    Yields
    ------
    step : Step
        The context of a step.

    Notes
    -----
    Python calls handlers of signals in the main thread, and only there can they be set: elsewhere
    there is nothing to hold back. Nor is there where Ctrl-C is ignored or ends the process.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = current_thread() is main_thread()
    step = Step(handler if callable(handler) else signal.default_int_handler)
    if not (is_main and callable(handler)):
        yield step
        return
    signal.signal(signal.SIGINT, step.note)
    try:
        yield step
    finally:
        signal.signal(signal.SIGINT, handler)
