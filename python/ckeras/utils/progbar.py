"""Progbar: steps, time and values in Keras's look; a moving bar on a terminal, one line elsewhere."""

import math
import sys
import time

from ckeras.config import settings

_WIDTH = 20
_BAR = "\u2501"


def log_line(text, end="\n"):
    """Prints a line, or sends it to the `logging` module after `disable_interactive_logging()`."""
    if not settings.is_interactive_logging_enabled():
        if text.strip():
            import logging  # only those who ask for it pay for it

            logging.getLogger("ckeras").info(text.strip())
        return
    try:
        sys.stdout.write(text + end)
    except UnicodeEncodeError:
        sys.stdout.write((text + end).replace(_BAR, "-").encode("ascii", "replace").decode("ascii"))
    sys.stdout.flush()


class Progbar:
    """Shows progress to `target` steps (`None`: not known).

    `verbose`: 0 nothing, 1 a bar, 2 one line at the end. Values are shown as their mean over the steps, those named in
    `stateful_metrics` as given; with `stateless_metrics`, all but those named as given. On a stream that is no
    terminal, `verbose=1` prints the finished bar alone.

    >>> bar = ckeras.utils.Progbar(3)
    >>> for i in range(3):
    ...     bar.update(i + 1, [("loss", 0.5)])
    """

    def __init__(
        self,
        target,
        width=_WIDTH,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("[Progbar] give stateful_metrics or stateless_metrics, not both")
        self.stateful_metrics = set(stateful_metrics or ()) if stateless_metrics is None else None
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._terminal = bool(getattr(sys.stdout, "isatty", lambda: False)())
        self._sums = {}
        self._seen = 0
        self._start = time.perf_counter()
        self._first = None
        self._last_draw = -math.inf
        self._drawn = 0

    def update(self, current, values=None, finalize=None):
        """Shows step `current` with `(name, value)` pairs; `finalize` (by default at `target`) ends the line."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        step = max(current - self._seen, 0)
        for name, value in values or ():
            if self._averages(name):
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + value * max(step, 1), count + max(step, 1))
            else:
                self._sums[name] = (value, 1)
        now = time.perf_counter()
        if self._first is None and current > 0:
            self._first = now
            self._first_step = current
        self._seen = current
        if self.verbose == 0:
            return
        if self.verbose == 2 or not self._terminal:
            if finalize:
                log_line(self._line(current, now, plain=self.verbose == 2))
            return
        if not finalize and now - self._last_draw < self.interval:
            return
        self._last_draw = now
        line = self._line(current, now, plain=False)
        padding = " " * max(self._drawn - len(line), 0)
        self._drawn = len(line)
        log_line("\r" + line + padding, end="\n" if finalize else "")

    def _averages(self, name):
        if self.stateful_metrics is not None:
            return name not in self.stateful_metrics
        return name in self.stateless_metrics

    def add(self, n, values=None):
        """Moves on by `n` steps."""
        self.update(self._seen + n, values)

    def _line(self, current, now, plain):
        elapsed = now - self._start
        target = "Unknown" if self.target is None else str(self.target)
        steps = f"{current:>{len(target)}}/{target}" if self.target is not None else f"{current}/{target}"
        per = f"{_per_unit(self._step_seconds(current, now))}/{self.unit_name}"
        values = "".join(f" - {name}: {_number(total / count)}" for name, (total, count) in self._sums.items())
        if plain:
            return f"{steps} - {elapsed:.0f}s - {per}{values}"
        clock = self._paint(self._clock(current, elapsed), 1)
        return f"{self._paint(steps, 1)} {self._bar(current)} {clock} {per}{values}"

    def _step_seconds(self, current, now):
        """Seconds a step, without the first when there are others: it holds the tracing."""
        if current > 1 and self._first is not None and current > self._first_step:
            return (now - self._first) / (current - self._first_step)
        return (now - self._start) / max(current, 1)

    def _clock(self, current, elapsed):
        if self.target is None or current >= self.target or not current:
            return _duration(elapsed)
        return _duration(elapsed / current * (self.target - current))

    def _bar(self, current):
        if self.target is None:
            return self._paint(_BAR * self.width, 32)
        full = self.width * min(current, self.target) // max(self.target, 1)
        rest = self.width - full
        return self._paint(_BAR * full, 32) + (self._paint(_BAR * rest, 37) if rest else "")

    def _paint(self, text, code):
        return f"\x1b[{code}m{text}\x1b[0m" if self._terminal else text


def _number(value):
    if not isinstance(value, (int, float)):
        value = float(value) if getattr(value, "size", 1) == 1 else math.nan
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def _per_unit(seconds):
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds * 1e6:.0f}us"


def _duration(seconds):
    seconds = int(seconds)
    if seconds > 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    if seconds > 60:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds}s"
