"""What every test relies on."""

import signal

import pytest

from ckeras import _engine
from ckeras._core import program

# A shell's background jobs start with SIGINT ignored; tests of interruption need Python's own handler.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def fresh_replays(monkeypatch):
    """Nothing is known of earlier calls, and new ones are learnt, as they are not once a GPU was used."""
    monkeypatch.setattr(program, "before_run", None)
    monkeypatch.setattr(program, "make_program", program.engine_program)
    _engine.forget_replays()
    yield
    _engine.forget_replays()
