"""Functions on tensors, with Keras 3's names.

All accept tensors, variables, NumPy arrays, scalars and KerasTensors; results are tensors.
"""

from ckeras._core.tape import custom_gradient as custom_gradient
from ckeras.ops import operators as operators
from ckeras.ops.conv import (
    conv as conv,
    depthwise_conv as depthwise_conv,
    max_pool as max_pool,
)
from ckeras.ops.create import (
    arange as arange,
    array as array,
    convert_to_numpy as convert_to_numpy,
    convert_to_tensor as convert_to_tensor,
    copy as copy,
    dtype as dtype,
    empty as empty,
    eye as eye,
    full as full,
    full_like as full_like,
    identity as identity,
    is_tensor as is_tensor,
    linspace as linspace,
    ndim as ndim,
    ones as ones,
    ones_like as ones_like,
    shape as shape,
    size as size,
    stop_gradient as stop_gradient,
    zeros as zeros,
    zeros_like as zeros_like,
)
from ckeras.ops.elementwise import (
    absolute as absolute,
    add as add,
    cast as cast,
    ceil as ceil,
    clip as clip,
    cos as cos,
    divide as divide,
    equal as equal,
    erf as erf,
    exp as exp,
    expm1 as expm1,
    floor as floor,
    floor_divide as floor_divide,
    greater as greater,
    greater_equal as greater_equal,
    isfinite as isfinite,
    isinf as isinf,
    isnan as isnan,
    less as less,
    less_equal as less_equal,
    log as log,
    log1p as log1p,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    maximum as maximum,
    minimum as minimum,
    mod as mod,
    multiply as multiply,
    negative as negative,
    not_equal as not_equal,
    power as power,
    reciprocal as reciprocal,
    round as round,
    rsqrt as rsqrt,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    sqrt as sqrt,
    square as square,
    subtract as subtract,
    tanh as tanh,
    trunc as trunc,
    where as where,
)
from ckeras.ops.linalg import (
    dot as dot,
    matmul as matmul,
    outer as outer,
    tensordot as tensordot,
)
from ckeras.ops.losses import (
    binary_crossentropy as binary_crossentropy,
    categorical_crossentropy as categorical_crossentropy,
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from ckeras.ops.nn import (
    celu as celu,
    elu as elu,
    gelu as gelu,
    hard_sigmoid as hard_sigmoid,
    hard_silu as hard_silu,
    hard_tanh as hard_tanh,
    leaky_relu as leaky_relu,
    log_sigmoid as log_sigmoid,
    log_softmax as log_softmax,
    one_hot as one_hot,
    relu as relu,
    relu6 as relu6,
    selu as selu,
    silu as silu,
    softmax as softmax,
    softplus as softplus,
    softsign as softsign,
    tanh_shrink as tanh_shrink,
)
from ckeras.ops.reduce import (
    all as all,
    any as any,
    argmax as argmax,
    argmin as argmin,
    logsumexp as logsumexp,
    max as max,
    mean as mean,
    min as min,
    prod as prod,
    std as std,
    sum as sum,
    var as var,
)
from ckeras.ops.shape import (
    broadcast_to as broadcast_to,
    concatenate as concatenate,
    expand_dims as expand_dims,
    flip as flip,
    moveaxis as moveaxis,
    pad as pad,
    ravel as ravel,
    repeat as repeat,
    reshape as reshape,
    split as split,
    squeeze as squeeze,
    stack as stack,
    swapaxes as swapaxes,
    take as take,
    tile as tile,
    transpose as transpose,
    unstack as unstack,
)
from ckeras.ops.indexing import get_item as get_item

abs = absolute
amax = max
amin = min
swish = silu
true_divide = divide
