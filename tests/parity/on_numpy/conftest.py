"""Tests here compare no gradients: they ask Keras on NumPy, which compiles nothing. test_on_numpy.py runs them in a
process of their own, since a process has one backend."""

import os
import sys
from pathlib import Path

if os.environ.get("KERAS_BACKEND") != "numpy":
    collect_ignore_glob = ["*.py"]
sys.path[:0] = [str(folder) for folder in Path(__file__).parents[1:3]]
