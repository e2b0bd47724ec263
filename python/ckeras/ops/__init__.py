"""Functions on tensors, with Keras 3's names.

All accept tensors, variables, NumPy arrays, scalars and KerasTensors; results are tensors.
"""

from ckeras import _lazy
from ckeras._core import hooks as _hooks
from ckeras._core import remat as _remat  # installs itself in `_core.hooks`
from ckeras.ops import linalg as linalg
from ckeras.ops import nn as nn
from ckeras.ops import operators as _operators  # gives tensors theirs
from ckeras.ops.create import shape as shape  # not the module of that name

_MODULES = {
    "ckeras._core.tape": "custom_gradient",
    "ckeras.ops.activations": "glu hard_shrink soft_shrink threshold squareplus sparse_plus sparse_sigmoid sparsemax",
    "ckeras.ops.angles": "arccosh arcsinh arctan2 arctanh cbrt erfinv",
    "ckeras.ops.attention": "dot_product_attention",
    "ckeras.ops.bits": (
        "bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor "
        "left_shift right_shift"
    ),
    "ckeras.ops.complex": "absolute angle conj conjugate imag polar real view_as_complex view_as_real abs=absolute",
    "ckeras.ops.control": "associative_scan cond fori_loop map scan switch vectorized_map while_loop",
    "ckeras.ops.convolution": "conv conv_transpose depthwise_conv separable_conv",
    "ckeras.ops.create": (
        "arange array convert_to_numpy convert_to_tensor copy dtype empty empty_like eye full full_like identity "
        "is_tensor linspace ndim ones ones_like size stop_gradient zeros zeros_like"
    ),
    "ckeras.ops.ctc": "ctc_decode ctc_loss",
    "ckeras.ops.cumulative": "cumprod cumsum diff nancumprod nancumsum",
    "ckeras.ops.decompositions": "cholesky eig eigh matrix_rank qr svd",
    "ckeras.ops.diagonals": "diag diagflat diagonal trace tril triu vander",
    "ckeras.ops.elementwise": (
        "add arccos arcsin arctan cast ceil clip cos divide equal erf exp exp2 expm1 floor floor_divide greater "
        "greater_equal isfinite isinf isnan less less_equal log log1p logical_and logical_not logical_or logical_xor "
        "maximum minimum mod multiply negative not_equal power reciprocal round rsqrt sigmoid sign sin softplus sqrt "
        "square subtract tan tanh trunc where true_divide"
    ),
    "ckeras.ops.encodings": "cdist depth_to_space multi_hot psnr saturate_cast space_to_depth",
    "ckeras.ops.fourier": "fft fft2 ifft2 irfft istft rfft stft",
    "ckeras.ops.image": "",
    "ckeras.ops.indexing": "get_item",
    "ckeras.ops.joining": (
        "append array_split dsplit dstack fliplr flipud hsplit hstack meshgrid roll rot90 vsplit vstack"
    ),
    "ckeras.ops.linalg": "dot matmul outer tensordot",
    "ckeras.ops.lookup": (
        "bincount digitize extract_sequences histogram in_top_k nonzero searchsorted slice slice_update "
        "take_along_axis unravel_index"
    ),
    "ckeras.ops.losses": "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy",
    "ckeras.ops.math": (
        "cosh deg2rad divide_no_nan fabs fmax fmin fmod heaviside hypot ldexp log10 log2 logaddexp logaddexp2 "
        "nan_to_num rad2deg sinc sinh"
    ),
    "ckeras.ops.nn": (
        "celu elu gelu hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax one_hot relu relu6 selu "
        "silu softmax softsign tanh_shrink hard_swish=hard_silu swish=silu"
    ),
    "ckeras.ops.normalization": "batch_normalization layer_normalization rms_normalization",
    "ckeras.ops.norms": "norm normalize",
    "ckeras.ops.numpy": "",
    "ckeras.ops.padding": "pad",
    "ckeras.ops.patches": "correlate fold unfold",
    "ckeras.ops.pooling": "adaptive_average_pool adaptive_max_pool average_pool max_pool",
    "ckeras.ops.predicates": "allclose isclose isin isneginf isposinf isreal select signbit",
    "ckeras.ops.products": "cross einsum inner kron vdot",
    "ckeras.ops.reduce": "all any argmax argmin logsumexp max mean min prod std sum var",
    "ckeras.ops.scattering": "scatter scatter_update segment_max segment_min segment_prod segment_sum",
    "ckeras.ops.shape": (
        "broadcast_to concatenate expand_dims flip moveaxis ravel repeat reshape split squeeze stack swapaxes take "
        "tile transpose unstack"
    ),
    "ckeras.ops.sorting": (
        "argpartition argsort median nanmedian nanpercentile nanquantile percentile quantile sort top_k unique"
    ),
    "ckeras.ops.special": "erfc gcd i0 lcm nextafter",
    "ckeras.ops.statistics": (
        "amax amin average corrcoef count_nonzero moments nanargmax nanargmin nanmax nanmean nanmin nanprod nanstd "
        "nansum nanvar ptp trapezoid"
    ),
    "ckeras.ops.systems": "cholesky_inverse det inv logdet lstsq lu_factor pinv slogdet solve solve_triangular",
    "ckeras.ops.transforms": "jvp vectorize",
    "ckeras.ops.views": "rearrange view",
    "ckeras.ops.windows": "bartlett blackman geomspace hamming hanning kaiser logspace tri",
}
_names = _lazy.Names(globals(), _MODULES, also="linalg nn shape")
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all


def _load_op(name):
    """Loads the module of an operation; those of images are no names of this package."""
    _names.load(name if name in _names.sources else "image")


_hooks.load_op = _load_op
