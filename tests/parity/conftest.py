"""The oracle's compiler need not optimise: every operation here runs once."""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
