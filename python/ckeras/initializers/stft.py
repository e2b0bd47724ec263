"""STFT: the kernel of a convolution that gives the short-time Fourier transform."""

import numpy as np

from ckeras import ops
from ckeras._catalog import near_matches
from ckeras._core import dtypes
from ckeras.initializers.initializer import Initializer

# Window -> the weights of cos(0), -cos(t), cos(2t), ... with t from 0 to 2 pi.
_COSINES = {
    "blackman": (0.42, 0.5, 0.08),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "boxcar": (1.0,),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
    "hamming": (0.54, 0.46),
    "hann": (0.5, 0.5),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
}


class STFT(Initializer):
    """Cosines (`side="real"`) or negated sines (`"imag"`) times a window, for the shape (frame length, ..., bins).

    The transform has 2 * (bins - 1) points. `window` is the name of a sum of cosines ("hann", "hamming", "blackman",
    "blackmanharris", "nuttall", "flattop", "boxcar"), `frame length` numbers, or `None`; `scaling` divides by its sum
    ("spectrum") or by the root of its sum of squares ("density"); `periodic` repeats after the frame's length, for
    filters that overlap. Raises `ValueError` for other values, and for shapes of less than 3 dimensions or 2 bins.

    >>> ckeras.initializers.STFT("real", None)((4, 1, 3)).shape
    (4, 1, 3)
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(f"[STFT] side must be 'real' or 'imag', got {side!r}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"[STFT] scaling must be 'density', 'spectrum' or None, got {scaling!r}")
        if isinstance(window, str) and window not in _COSINES:
            raise ValueError(f"[STFT] window {window!r} is not known. {near_matches(window, _COSINES)}")
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape, dtype=None):
        if len(shape) < 3 or shape[-1] < 2:
            raise ValueError(f"[STFT] expected the shape (frame length, channels, 2 bins or more), got {tuple(shape)}")
        length, bins = shape[0], shape[-1]
        turn = np.pi * np.outer(np.arange(length), np.arange(bins)) / (bins - 1)
        values = np.cos(turn) if self.side == "real" else -np.sin(turn)
        window = self._weights(length)
        if window is not None:
            norm = {None: 1.0, "spectrum": window.sum(), "density": np.sqrt((window**2).sum())}[self.scaling]
            values = values * (window / norm)[:, None]
        values = ops.convert_to_tensor(values, dtypes.standardize(dtype))
        return ops.broadcast_to(ops.reshape(values, (length, *[1] * (len(shape) - 2), bins)), tuple(shape))

    def _weights(self, length):
        if self.window is None:
            return None
        if not isinstance(self.window, str):
            given = np.asarray(self.window, "float64")
            if given.shape != (length,):
                raise ValueError(f"[STFT] window must have the shape ({length},) of the frame, got {given.shape}")
            return given
        t = 2 * np.pi * np.arange(length) / max(length if self.periodic else length - 1, 1)
        terms = [(-1) ** i * a * np.cos(i * t) for i, a in enumerate(_COSINES[self.window])]
        return np.sum(terms, axis=0) if length > 1 else np.ones(1)

    def get_config(self):
        window = self.window
        return {
            "side": self.side,
            "window": window if window is None or isinstance(window, str) else np.asarray(window).tolist(),
            "scaling": self.scaling,
            "periodic": self.periodic,
        }
