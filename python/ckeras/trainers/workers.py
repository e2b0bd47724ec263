"""Batches made ahead of the training thread, by threads or by processes, and given in order."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import traceback
from concurrent.futures import Future, wait

from ckeras.utils.dataset import make_batch

SIGNAL_SECONDS = 0.1  # a wait lasts so long at most before Python looks at signals that came to another thread
PARENT_SECONDS = 1.0  # a worker process that waits looks so often whether its parent is gone


@contextlib.contextmanager
def _interrupts_wait():
    """Ctrl-C has its effect at the end: in the middle of a fork or of a thread's start it would lose the child."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    came = []
    signal.signal(signal.SIGINT, lambda *args: came.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came and callable(handler):
            handler(*came[0])


class Prefetch:
    """Iterator over `dataset[i] for i in indices` whose batches `workers` threads make beside the caller.

    With `processes`, each thread has a process of its own that makes its batches. At most `ahead` batches are under way
    or wait to be taken; they come in the order of `indices` whatever is ready first. What a worker raises is raised
    where its batch would have come. `close()` must be called in the end.
    """

    def __init__(self, dataset, indices, workers, processes, ahead):
        self._indices = iter(indices)
        self._ahead = ahead
        self._pending = collections.deque()
        self._tasks = queue.SimpleQueue()
        self._processes = []
        self._threads = []
        try:
            with _interrupts_wait():
                if processes:  # all of them before the first thread: a fork copies no lock that a thread holds
                    for _ in range(workers):
                        self._processes.append(_Process(dataset))
                makers = self._processes or itertools.repeat(lambda index: make_batch(dataset, index), workers)
                for make in makers:
                    thread = threading.Thread(target=self._work, args=(make,), name="ckeras-batches", daemon=True)
                    thread.start()
                    self._threads.append(thread)
        except BaseException:
            self.stop_workers(wait=False)
            raise

    def _work(self, make):
        while (task := self._tasks.get()) is not None:
            index, future = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(make(index))
            except BaseException as e:
                future.set_exception(e)
            del task, future  # a batch lives no longer than its reader wants

    def _fill(self):
        for index in itertools.islice(self._indices, self._ahead - len(self._pending)):
            future = Future()
            self._pending.append(future)
            self._tasks.put((index, future))

    def __iter__(self):
        return self

    def __next__(self):
        self._fill()
        if not self._pending:
            raise StopIteration
        future = self._pending.popleft()
        self._fill()
        while not future.done():
            wait([future], SIGNAL_SECONDS)
        return future.result()

    def stop_workers(self, wait=True):
        """Ends the workers: drops what has not begun; `wait` lets threads finish what they are at. Processes end."""
        self._indices = iter(())
        for future in self._pending:
            future.cancel()
        self._pending.clear()
        for _ in self._threads:
            self._tasks.put(None)
        for process in self._processes:
            process.stop()
        if wait:
            for thread in self._threads:
                thread.join()
        self._threads = []
        self._processes = []


class _Process:
    """A process that makes batches of its own copy of the dataset, one at a time, for the thread that calls this."""

    def __init__(self, dataset):
        context = multiprocessing.get_context()
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(dataset, other, os.getpid()), name="ckeras-batches", daemon=True
        )
        self._process.start()
        other.close()  # so that its end is seen here

    def __call__(self, index):
        try:
            self._pipe.send(index)
            message = self._pipe.recv_bytes()
        except (EOFError, OSError):
            self._process.join(1)
            raise RuntimeError(
                f"[PyDataset] batch {index}: its worker process ended (exit code {self._process.exitcode}): killed, "
                "out of memory, or a program without `if __name__ == '__main__':` where processes are spawned; "
                "use_multiprocessing=False makes the batches in threads"
            ) from None
        good, found = pickle.loads(message)
        if good:
            return found
        raise found

    def stop(self):
        self._process.terminate()
        self._process.join(2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()


def _serve(dataset, pipe, creator):
    """Answers numbers of batches until the other side is gone. Ctrl-C is for the main process, which ends this one.

    A process killed leaves its end of the pipe to the workers it forked: they look whether it is their parent still.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = os.getppid() == creator  # not where a server makes the processes
    while True:
        try:
            while not pipe.poll(PARENT_SECONDS):
                if child and os.getppid() != creator:
                    return
            index = pipe.recv()
        except EOFError:
            return
        try:
            message = pickle.dumps((True, make_batch(dataset, index)), pickle.HIGHEST_PROTOCOL)
        except BaseException as e:
            message = _failure(e)
        pipe.send_bytes(message)


def _failure(error):
    """The message for an exception: itself with the worker's traceback, or its text when it cannot travel."""
    note = "in the worker process:\n" + "".join(traceback.format_exception(error))
    try:
        error.add_note(note)
        message = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(message)  # many exceptions pickle and do not come back
        return message
    except Exception:
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.add_note(note)
        return pickle.dumps((False, plain))
