"""Functions on tensors, with Keras 3's names.

All accept tensors, variables, NumPy arrays, scalars and KerasTensors; results are tensors.
"""

from ckeras._core.tape import custom_gradient as custom_gradient
from ckeras.ops import operators as operators
from ckeras.ops.conv import (
    conv as conv,
)
from ckeras.ops.conv import (
    depthwise_conv as depthwise_conv,
)
from ckeras.ops.conv import (
    max_pool as max_pool,
)
from ckeras.ops.create import (
    arange as arange,
)
from ckeras.ops.create import (
    array as array,
)
from ckeras.ops.create import (
    convert_to_numpy as convert_to_numpy,
)
from ckeras.ops.create import (
    convert_to_tensor as convert_to_tensor,
)
from ckeras.ops.create import (
    copy as copy,
)
from ckeras.ops.create import (
    dtype as dtype,
)
from ckeras.ops.create import (
    empty as empty,
)
from ckeras.ops.create import (
    eye as eye,
)
from ckeras.ops.create import (
    full as full,
)
from ckeras.ops.create import (
    full_like as full_like,
)
from ckeras.ops.create import (
    identity as identity,
)
from ckeras.ops.create import (
    is_tensor as is_tensor,
)
from ckeras.ops.create import (
    linspace as linspace,
)
from ckeras.ops.create import (
    ndim as ndim,
)
from ckeras.ops.create import (
    ones as ones,
)
from ckeras.ops.create import (
    ones_like as ones_like,
)
from ckeras.ops.create import (
    shape as shape,
)
from ckeras.ops.create import (
    size as size,
)
from ckeras.ops.create import (
    stop_gradient as stop_gradient,
)
from ckeras.ops.create import (
    zeros as zeros,
)
from ckeras.ops.create import (
    zeros_like as zeros_like,
)
from ckeras.ops.elementwise import (
    absolute as absolute,
)
from ckeras.ops.elementwise import (
    add as add,
)
from ckeras.ops.elementwise import (
    cast as cast,
)
from ckeras.ops.elementwise import (
    ceil as ceil,
)
from ckeras.ops.elementwise import (
    clip as clip,
)
from ckeras.ops.elementwise import (
    cos as cos,
)
from ckeras.ops.elementwise import (
    divide as divide,
)
from ckeras.ops.elementwise import (
    equal as equal,
)
from ckeras.ops.elementwise import (
    erf as erf,
)
from ckeras.ops.elementwise import (
    exp as exp,
)
from ckeras.ops.elementwise import (
    expm1 as expm1,
)
from ckeras.ops.elementwise import (
    floor as floor,
)
from ckeras.ops.elementwise import (
    floor_divide as floor_divide,
)
from ckeras.ops.elementwise import (
    greater as greater,
)
from ckeras.ops.elementwise import (
    greater_equal as greater_equal,
)
from ckeras.ops.elementwise import (
    isfinite as isfinite,
)
from ckeras.ops.elementwise import (
    isinf as isinf,
)
from ckeras.ops.elementwise import (
    isnan as isnan,
)
from ckeras.ops.elementwise import (
    less as less,
)
from ckeras.ops.elementwise import (
    less_equal as less_equal,
)
from ckeras.ops.elementwise import (
    log as log,
)
from ckeras.ops.elementwise import (
    log1p as log1p,
)
from ckeras.ops.elementwise import (
    logical_and as logical_and,
)
from ckeras.ops.elementwise import (
    logical_not as logical_not,
)
from ckeras.ops.elementwise import (
    logical_or as logical_or,
)
from ckeras.ops.elementwise import (
    logical_xor as logical_xor,
)
from ckeras.ops.elementwise import (
    maximum as maximum,
)
from ckeras.ops.elementwise import (
    minimum as minimum,
)
from ckeras.ops.elementwise import (
    mod as mod,
)
from ckeras.ops.elementwise import (
    multiply as multiply,
)
from ckeras.ops.elementwise import (
    negative as negative,
)
from ckeras.ops.elementwise import (
    not_equal as not_equal,
)
from ckeras.ops.elementwise import (
    power as power,
)
from ckeras.ops.elementwise import (
    reciprocal as reciprocal,
)
from ckeras.ops.elementwise import (
    round as round,
)
from ckeras.ops.elementwise import (
    rsqrt as rsqrt,
)
from ckeras.ops.elementwise import (
    sigmoid as sigmoid,
)
from ckeras.ops.elementwise import (
    sign as sign,
)
from ckeras.ops.elementwise import (
    sin as sin,
)
from ckeras.ops.elementwise import (
    sqrt as sqrt,
)
from ckeras.ops.elementwise import (
    square as square,
)
from ckeras.ops.elementwise import (
    subtract as subtract,
)
from ckeras.ops.elementwise import (
    tanh as tanh,
)
from ckeras.ops.elementwise import (
    trunc as trunc,
)
from ckeras.ops.elementwise import (
    where as where,
)
from ckeras.ops.indexing import get_item as get_item
from ckeras.ops.linalg import (
    dot as dot,
)
from ckeras.ops.linalg import (
    matmul as matmul,
)
from ckeras.ops.linalg import (
    outer as outer,
)
from ckeras.ops.linalg import (
    tensordot as tensordot,
)
from ckeras.ops.losses import (
    binary_crossentropy as binary_crossentropy,
)
from ckeras.ops.losses import (
    categorical_crossentropy as categorical_crossentropy,
)
from ckeras.ops.losses import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from ckeras.ops.nn import (
    celu as celu,
)
from ckeras.ops.nn import (
    elu as elu,
)
from ckeras.ops.nn import (
    gelu as gelu,
)
from ckeras.ops.nn import (
    hard_sigmoid as hard_sigmoid,
)
from ckeras.ops.nn import (
    hard_silu as hard_silu,
)
from ckeras.ops.nn import (
    hard_tanh as hard_tanh,
)
from ckeras.ops.nn import (
    leaky_relu as leaky_relu,
)
from ckeras.ops.nn import (
    log_sigmoid as log_sigmoid,
)
from ckeras.ops.nn import (
    log_softmax as log_softmax,
)
from ckeras.ops.nn import (
    one_hot as one_hot,
)
from ckeras.ops.nn import (
    relu as relu,
)
from ckeras.ops.nn import (
    relu6 as relu6,
)
from ckeras.ops.nn import (
    selu as selu,
)
from ckeras.ops.nn import (
    silu as silu,
)
from ckeras.ops.nn import (
    softmax as softmax,
)
from ckeras.ops.nn import (
    softplus as softplus,
)
from ckeras.ops.nn import (
    softsign as softsign,
)
from ckeras.ops.nn import (
    tanh_shrink as tanh_shrink,
)
from ckeras.ops.reduce import (
    all as all,
)
from ckeras.ops.reduce import (
    any as any,
)
from ckeras.ops.reduce import (
    argmax as argmax,
)
from ckeras.ops.reduce import (
    argmin as argmin,
)
from ckeras.ops.reduce import (
    logsumexp as logsumexp,
)
from ckeras.ops.reduce import (
    max as max,
)
from ckeras.ops.reduce import (
    mean as mean,
)
from ckeras.ops.reduce import (
    min as min,
)
from ckeras.ops.reduce import (
    prod as prod,
)
from ckeras.ops.reduce import (
    std as std,
)
from ckeras.ops.reduce import (
    sum as sum,
)
from ckeras.ops.reduce import (
    var as var,
)
from ckeras.ops.shape import (
    broadcast_to as broadcast_to,
)
from ckeras.ops.shape import (
    concatenate as concatenate,
)
from ckeras.ops.shape import (
    expand_dims as expand_dims,
)
from ckeras.ops.shape import (
    flip as flip,
)
from ckeras.ops.shape import (
    moveaxis as moveaxis,
)
from ckeras.ops.shape import (
    pad as pad,
)
from ckeras.ops.shape import (
    ravel as ravel,
)
from ckeras.ops.shape import (
    repeat as repeat,
)
from ckeras.ops.shape import (
    reshape as reshape,
)
from ckeras.ops.shape import (
    split as split,
)
from ckeras.ops.shape import (
    squeeze as squeeze,
)
from ckeras.ops.shape import (
    stack as stack,
)
from ckeras.ops.shape import (
    swapaxes as swapaxes,
)
from ckeras.ops.shape import (
    take as take,
)
from ckeras.ops.shape import (
    tile as tile,
)
from ckeras.ops.shape import (
    transpose as transpose,
)
from ckeras.ops.shape import (
    unstack as unstack,
)

abs = absolute
amax = max
amin = min
swish = silu
true_divide = divide
