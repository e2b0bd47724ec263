"""Every example runs offline and learns what it says: its `main` returns the figure that it prints last."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

# name: (least, most) of the figure; chance or the naive answer lies outside.
FIGURES = {
    "autoencoder": (0.0, 0.5),  # squared error, against the mean image's
    "cartpole": (300, 500),  # steps balanced
    "diagnosis": (0.98, 1.0),  # area under the ROC curve
    "digits": (0.98, 1.0),  # accuracy
    "forecasting": (0.0, 0.8),  # absolute error, against repeating the last day
    "recommendation": (0.25, 0.5),  # error; the mean's is 1.04, the noise's 0.25
    "sentiment": (0.97, 1.0),  # accuracy
    "transfer": (0.85, 1.0),  # accuracy
}


def test_every_example_has_its_figure():
    assert sorted(FIGURES) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", FIGURES)
def test_example_learns(name):
    pytest.importorskip("gymnasium" if name == "cartpole" else "sklearn")
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    least, most = FIGURES[name]
    assert least <= example.main() <= most
