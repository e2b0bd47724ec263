"""What every test relies on."""

import signal

# A shell's background jobs start with SIGINT ignored; tests of interruption need Python's own handler.
signal.signal(signal.SIGINT, signal.default_int_handler)
