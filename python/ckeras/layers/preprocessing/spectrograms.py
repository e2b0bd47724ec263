"""Layers that turn sound into spectra: MelSpectrogram, STFTSpectrogram."""

import math
import warnings

import numpy as np

from ckeras import ops
from ckeras._core.settings import epsilon, standardize_data_format
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer
from ckeras.layers.preprocessing.image_base import one_of, positive

# Cosine windows: the weights of cos(2 pi k t).
_COSINES = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "boxcar": (1.0,),
}
_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


def window_of(layer, window, length, periodic):
    """The window's weights, float64 [length]: of a name, an array, a function of (length, dtype), or None for ones."""
    if window is None:
        return np.ones(length)
    if isinstance(window, str):
        one_of(layer, "window", window, tuple(_COSINES))
        steps = length if periodic else max(length - 1, 1)
        t = 2 * np.pi * np.arange(length) / steps
        weights = sum((-1) ** k * w * np.cos(k * t) for k, w in enumerate(_COSINES[window]))
        return np.ones(1) if length == 1 else weights
    values = np.asarray(window(length, "float64") if callable(window) else window, "float64")
    if values.shape != (length,):
        raise ValueError(f"[{layer}] window must give {length} numbers, got shape {values.shape}")
    return values


class MelSpectrogram(Layer):
    """Spectra of signals [N, samples] (or one) on the mel scale: [N, num_mel_bins, frames].

    Frames of `sequence_length` samples (by default `fft_length`), `sequence_stride` apart and centred on their first
    sample, are weighted by `window` and Fourier transformed in `fft_length`; magnitudes to the power `mag_exp` are
    summed in `num_mel_bins` triangles between `min_freq` and `max_freq` (by default half of `sampling_rate`). With
    `power_to_db`, they are decibels above `ref_power`, at least `min_power`, and at most `top_db` below the greatest.

    >>> ckeras.layers.MelSpectrogram(num_mel_bins=16)(ops.ones((2, 4096))).shape
    (2, 16, 9)
    """

    arguments = ("fft_length", "sequence_stride", "sequence_length", "window", "sampling_rate", "num_mel_bins")
    arguments += ("min_freq", "max_freq", "power_to_db", "top_db", "mag_exp", "min_power", "ref_power")

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fft_length = positive("MelSpectrogram", "fft_length", fft_length)
        self.sequence_stride = positive("MelSpectrogram", "sequence_stride", sequence_stride)
        self.sequence_length = positive("MelSpectrogram", "sequence_length", sequence_length or fft_length)
        if self.sequence_length > self.fft_length:
            raise ValueError(
                f"[MelSpectrogram] sequence_length {sequence_length} must be at most fft_length {fft_length}"
            )
        self.window = window
        if not isinstance(sampling_rate, (int, float)) or not sampling_rate > 0:
            raise ValueError(f"[MelSpectrogram] sampling_rate must be a positive number, got {sampling_rate!r}")
        self.sampling_rate = sampling_rate
        self.num_mel_bins = positive("MelSpectrogram", "num_mel_bins", num_mel_bins)
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        self.built = True

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype if self.compute_dtype == "float64" else "float32")
        real, imag = ops.stft(
            x, self.sequence_length, self.sequence_stride, self.fft_length, window=self.window, center=True
        )
        spectrum = ops.power(ops.sqrt(ops.add(ops.square(real), ops.square(imag))), self.mag_exp)
        matrix = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, spectrum.shape[-1], self.sampling_rate, self.min_freq, self.max_freq, x.dtype
        )
        mel = ops.matmul(spectrum, matrix)
        if self.power_to_db:
            mel = ops.multiply(ops.log10(ops.maximum(mel, self.min_power)), 10.0)
            mel = ops.subtract(mel, 10 * math.log10(max(abs(self.ref_power), self.min_power)))
            if mel.size:
                mel = ops.maximum(mel, ops.subtract(ops.max(mel), self.top_db))
        return ops.cast(ops.swapaxes(mel, -1, -2), self.compute_dtype)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins=20,
        num_spectrogram_bins=129,
        sampling_rate=8000,
        lower_edge_hertz=125.0,
        upper_edge_hertz=3800.0,
        dtype="float32",
    ):
        """The triangles [num_spectrogram_bins, num_mel_bins]: of height 1, equally wide on the mel scale
        1127 log(1 + f / 700), each from the peak of the one before to that of the one after."""

        def mel(hertz):
            return 1127.0 * np.log1p(np.asarray(hertz, "float64") / 700.0)

        at = mel(np.linspace(0, sampling_rate / 2, num_spectrogram_bins)[1:])[:, None]
        edges = np.linspace(mel(lower_edge_hertz), mel(upper_edge_hertz), num_mel_bins + 2)
        low, peak, high = edges[:-2], edges[1:-1], edges[2:]
        triangles = np.maximum(0, np.minimum((at - low) / (peak - low), (high - at) / (high - peak)))
        return ops.convert_to_tensor(np.pad(triangles, [[1, 0], [0, 0]]), dtype)

    def compute_output_shape(self, input_shape):
        n = input_shape[-1]
        frames = None if n is None else 1 + n // self.sequence_stride
        return (*input_shape[:-1], self.num_mel_bins, frames)

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


class STFTSpectrogram(Layer):
    """Spectra of signals [N, samples, channels] as a convolution, whose kernels are weights and can be trained:
    [N, frames, channels * frequencies], or with `expand_dims` [N, frames, frequencies, channels].

    `mode`: `"log"`, `"magnitude"`, `"psd"`, `"real"`, `"imag"`, `"angle"`, `"stft"` (real, then imaginary). Frames
    of `frame_length` samples, `frame_step` (by default half of it) apart, are weighted by `window` (`"hann"`,
    `"hamming"`, `"blackman"`, `"boxcar"`, None or a function; `periodic` or symmetric) and transformed in `fft_length`
    (by default the next power of two). `scaling` of a window: `"density"`, `"spectrum"` or None. With `data_format`
    `"channels_first"`, channels come before frames, and frames before frequencies.
    """

    arguments = ("mode", "frame_length", "frame_step", "fft_length", "window", "periodic", "scaling", "padding")
    arguments += ("expand_dims", "data_format")

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        name = "STFTSpectrogram"
        super().__init__(**kwargs)
        self.mode = one_of(name, "mode", mode, _MODES)
        self.frame_length = positive(name, "frame_length", frame_length)
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(f"[{name}] frame_step must lie in [1, {frame_length}], got {frame_step}")
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(f"[{name}] fft_length {fft_length} must be at least frame_length {frame_length}")
        if fft_length is not None and fft_length & (fft_length - 1):
            warnings.warn(f"[{name}] fft_length {fft_length} is no power of two", stacklevel=2)
        self.frame_step, self.fft_length = frame_step, fft_length
        self._step = frame_step or max(frame_length // 2, 1)
        self._size = fft_length or 2 ** math.ceil(math.log2(frame_length))
        window_of(name, window, frame_length, periodic)
        self.window, self.periodic = window, periodic
        self.scaling = one_of(name, "scaling", scaling, ("density", "spectrum", None))
        self.padding = one_of(name, "padding", padding, ("valid", "same"))
        self.expand_dims = expand_dims
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape):
        length, size = self.frame_length, self._size
        window = window_of("STFTSpectrogram", self.window, length, self.periodic)
        scaling = None if self.window is None else self.scaling
        total = {"density": np.sqrt(np.sum(window**2)), "spectrum": abs(window.sum()), None: 1.0}[scaling]
        # Exact products modulo the period keep the angles small.
        turns = np.outer(np.arange(length), np.arange(size // 2 + 1)) % size * (2 * np.pi / size)
        for part, function, sign, left_out in (("real", np.cos, 1, "imag"), ("imag", np.sin, -1, "real")):
            if self.mode == left_out:
                continue
            values = sign * window[:, None] / total * function(turns)
            kernel = self.add_weight(name=f"{part}_kernel", shape=(length, 1, size // 2 + 1), initializer="zeros")
            kernel.assign(values[:, None, :])
            setattr(self, f"{part}_kernel", kernel)

    def call(self, inputs):
        if "float" not in inputs.dtype:
            raise TypeError(f"[STFTSpectrogram] inputs must be of a float dtype, got {inputs.dtype}")
        x = inputs if self.data_format == "channels_first" else ops.transpose(inputs, (0, 2, 1))
        channels, samples = x.shape[1:]
        x = ops.reshape(x, (-1, samples, 1))
        real = None if self.mode == "imag" else self._frames(x, self.real_kernel, channels)
        imag = None if self.mode == "real" else self._frames(x, self.imag_kernel, channels)
        if self.mode in ("real", "imag"):
            out = real if self.mode == "real" else imag
        elif self.mode == "angle":
            out = ops.arctan2(imag, real)
        elif self.mode == "stft":
            out = ops.concatenate([real, imag], axis=-1)
        else:
            out = ops.add(ops.square(real), ops.square(imag))
            if self.mode == "psd":
                # All but the first and the last frequency stand for their negative too.
                out = ops.add(out, ops.pad(out[..., 1:-1], [[0, 0], [0, 0], [0, 0], [1, 1]]))
            else:
                out = ops.sqrt(ops.maximum(out, epsilon()))
                out = ops.log(ops.maximum(out, epsilon())) if self.mode == "log" else out
        return self._arranged(out)

    def _frames(self, x, kernel, channels):
        """[N, channels, frames, frequencies]."""
        y = ops.conv(x, ops.cast(kernel, x.dtype), self._step, self.padding, "channels_last")
        return ops.reshape(y, (-1, channels, *y.shape[1:]))

    def _arranged(self, out):
        channels, frames, frequencies = out.shape[1:]
        if self.data_format == "channels_last":
            if self.expand_dims:
                return ops.transpose(out, (0, 2, 3, 1))
            return ops.reshape(ops.transpose(out, (0, 2, 1, 3)), (-1, frames, channels * frequencies))
        if self.expand_dims:
            return out
        return ops.reshape(ops.transpose(out, (0, 1, 3, 2)), (-1, channels * frequencies, frames))

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        n, samples, channels = input_shape if last else (input_shape[0], input_shape[2], input_shape[1])
        frames = None
        if samples is not None:
            reach = self.frame_length if self.padding == "valid" else 1
            frames = (samples - reach) // self._step + 1
        frequencies = (self._size // 2 + 1) * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (n, frames, frequencies, channels) if last else (n, channels, frames, frequencies)
        joined = None if channels is None else channels * frequencies
        return (n, frames, joined) if last else (n, joined, frames)

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}
