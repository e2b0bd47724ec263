"""Operations of `ops` as nodes of a saved graph: Keras's class of each, and what of a call is stored where.

The table is also the allow list: a file can name these operations and no others.
"""

import functools
import inspect
from typing import NamedTuple

from ckeras._core.symbolic import Function, get_public_op

# Keras's module -> operations whose class is their name in camel case, or what "=" says, with the parameters that the
# class stores in its config; the others are arguments of the node.
_TABLE = {
    "numpy": """
        absolute add ceil copy cos divide dot equal exp expm1 floor floor_divide get_item greater greater_equal isfinite
        isinf isnan less less_equal log log1p logical_and logical_not logical_or logical_xor matmul maximum minimum mod
        multiply negative not_equal outer power ravel reciprocal sign sin sqrt square subtract tanh trunc where
        all:axis,keepdims any:axis,keepdims argmax:axis,keepdims argmin:axis,keepdims broadcast_to:shape
        clip:x_min,x_max concatenate:axis expand_dims:axis flip:axis full_like:dtype max:axis,keepdims,initial
        mean:axis,keepdims min:axis,keepdims,initial moveaxis:source,destination ones_like:dtype pad:pad_width,mode
        prod:axis,keepdims,dtype repeat:repeats,axis reshape:newshape round:decimals split:indices_or_sections,axis
        squeeze:axis stack:axis std:axis,keepdims sum:axis,keepdims swapaxes:axis1,axis2 take:axis tensordot:axes
        tile:repeats transpose:axes var:axis,keepdims zeros_like:dtype
        angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_not bitwise_or bitwise_xor cbrt
        conj=Conjugate corrcoef cosh deg2rad digitize divide_no_nan dstack exp2 fabs fliplr flipud fmax fmin fmod gcd
        heaviside hstack hypot i0 imag inner isneginf isposinf isreal kron lcm ldexp left_shift log10 log2 logaddexp
        logaddexp2 nextafter rad2deg real right_shift select signbit sinc sinh slogdet tan vdot vstack
        amax:axis,keepdims amin:axis,keepdims append:axis argpartition:kth,axis argsort:axis
        array_split:indices_or_sections,axis
        correlate:mode count_nonzero:axis cross:axisa,axisb,axisc,axis cumprod:axis,dtype cumsum:axis,dtype diag:k
        diagflat:k diagonal:offset,axis1,axis2 diff:n,axis dsplit:indices_or_sections einsum:subscripts empty_like:dtype
        hsplit:indices_or_sections isclose:equal_nan isin=IsIn:assume_unique,invert median:axis,keepdims
        meshgrid:indexing nan_to_num:nan,posinf,neginf nanargmax:axis,keepdims nanargmin:axis,keepdims
        nancumprod:axis,dtype nancumsum:axis,dtype nanmax:axis,keepdims nanmean:axis,keepdims nanmedian:axis,keepdims
        nanmin:axis,keepdims nanpercentile:axis,method,keepdims nanprod:axis,keepdims nanquantile:axis,method,keepdims
        nanstd:axis,keepdims nansum:axis,keepdims nanvar:axis,keepdims percentile:axis,method,keepdims ptp:axis,keepdims
        quantile:axis,method,keepdims roll:shift,axis rot90:k,axes searchsorted=SearchSorted:side sort:axis
        take_along_axis:axis trace:offset,axis1,axis2 tril:k triu:k unravel_index:shape vander:N,increasing
        vsplit:indices_or_sections true_divide average:axis trapezoid:x,dx,axis
    """,
    "nn": """
        hard_sigmoid hard_silu hard_tanh log_sigmoid relu relu6 selu sigmoid silu softplus softsign tanh_shrink
        binary_crossentropy:from_logits categorical_crossentropy:from_logits,axis celu:alpha
        conv:strides,padding,data_format,dilation_rate depthwise_conv:strides,padding,data_format,dilation_rate
        elu:alpha gelu:approximate leaky_relu:negative_slope log_softmax:axis
        max_pool:pool_size,strides,padding,data_format one_hot:num_classes,axis,dtype,sparse softmax:axis
        sparse_categorical_crossentropy:from_logits,axis
        sparse_plus sparse_sigmoid adaptive_average_pool:output_size,data_format
        adaptive_max_pool:output_size,data_format average_pool:pool_size,strides,padding,data_format
        conv_transpose:strides,padding,output_padding,data_format,dilation_rate depth_to_space:block_size,data_format
        dot_product_attention:is_causal,flash_attention,attn_logits_soft_cap
        fold:output_size,kernel_size,dilation,padding,stride glu:axis hard_shrink:threshold
        moments:axes,keepdims,synchronized multi_hot:num_classes,axis,dtype,sparse normalize:axis,order,epsilon
        psnr=PSNR:max_val separable_conv:strides,padding,data_format,dilation_rate soft_shrink:threshold
        space_to_depth:block_size,data_format sparsemax:axis squareplus:b threshold:threshold,default_value
        unfold:kernel_size,dilation,padding,stride batch_normalization=BatchNorm:axis,epsilon
        ctc_loss=CTCLoss:mask_index ctc_decode=CTCDecode:strategy,beam_width,top_paths,merge_repeated,mask_index
        layer_normalization=LayerNorm:axis,epsilon,rms_scaling rms_normalization=RMSNorm:axis,epsilon
    """,
    "core": """
        cast:dtype stop_gradient unstack:num,axis
        slice_update saturate_cast:dtype scatter:shape scatter_update:reduction slice:shape
    """,
    "math": """
        erf logsumexp:axis,keepdims rsqrt
        cdist=CDist erfc erfinv fft2=FFT2 fft=FFT ifft2=IFFT2 logdet
        extract_sequences:sequence_length,sequence_stride in_top_k:k irfft=IRFFT:fft_length
        istft=ISTFT:sequence_length,sequence_stride,fft_length,length,window,center rfft=RFFT:fft_length
        segment_max:num_segments,sorted segment_min:num_segments,sorted segment_prod:num_segments,sorted
        segment_sum:num_segments,sorted stft=STFT:sequence_length,sequence_stride,fft_length,window,center
        top_k:k,sorted
    """,
    "linalg": """
        det eigh inv lu_factor solve cholesky:upper cholesky_inverse:upper lstsq:rcond matrix_rank:tol
        norm:ord,axis,keepdims pinv:rcond qr:mode solve_triangular:lower svd=SVD:full_matrices,compute_uv
    """,
    "image": """
        affine_transform:interpolation,fill_mode,fill_value,data_format
        crop_images:top_cropping,left_cropping,bottom_cropping,right_cropping,target_height,target_width,data_format
        extract_patches:size,strides,dilation_rate,padding,data_format gaussian_blur:kernel_size,sigma,data_format
        hsv_to_rgb=HSVToRGB:data_format map_coordinates:order,fill_mode,fill_value
        pad_images:top_padding,left_padding,bottom_padding,right_padding,target_height,target_width,data_format
        perspective_transform:interpolation,fill_value,data_format
        resize:size,interpolation,antialias,crop_to_aspect_ratio,pad_to_aspect_ratio,fill_mode,fill_value,data_format
        rgb_to_grayscale=RGBToGrayscale:data_format rgb_to_hsv=RGBToHSV:data_format
        scale_and_translate:spatial_dims,method,antialias sobel_edges:data_format
        ssim=SSIM:max_val,filter_size,filter_sigma,k1,k2,data_format
    """,
}


def _rows():
    for module, text in _TABLE.items():
        for row in text.split():
            op, _, stored = row.partition(":")
            op, _, given = op.partition("=")
            name = given or "".join(part.capitalize() for part in op.split("_"))
            yield op, f"keras.src.ops.{module}", name, tuple(stored.split(",")) if stored else ()


# Further classes of Keras for operations of the table.
_OTHER_CLASSES = {
    "Abs": "absolute",
    "BitwiseInvert": "bitwise_not",
    "BitwiseLeftShift": "left_shift",
    "BitwiseRightShift": "right_shift",
    "Conj": "conj",
}


class Known(NamedTuple):
    by_op: dict  # op -> (module, class, what is stored)
    by_class: dict  # (module, class) -> (op, what is stored)
    modules: dict  # class -> module


@functools.cache
def known():
    """The operations of the table."""
    rows = list(_rows())
    by_class = {(module, name): (op, stored) for op, module, name, stored in rows}
    for name, op in _OTHER_CLASSES.items():
        by_class["keras.src.ops.numpy", name] = (op, ())
    # Keras publishes its operations under keras.ops too, and activations.relu has a class of its own.
    by_class.update({("keras.ops", name): (op, stored) for op, _, name, stored in rows})
    by_op = {op: (module, name, stored) for op, module, name, stored in rows}
    return Known(by_op, by_class, {name: module for _, module, name, _ in rows})


# A tensor of a graph is one already.
_CONVERSIONS = {("keras.src.ops.core", "ConvertToTensor"), ("keras.ops", "ConvertToTensor")}


def class_name(function):
    """The name of Keras's class for a `Function`; that of the operation where there is none."""
    row = known().by_op.get(function.op)
    return row[1] if row else function.op


def module_of(name, nodes, layer_names):
    """The module of an operation that a `.h5` file stores by its class alone; `None` for a layer.

    Operations and merging layers share names: a layer's call has one list, an operation's two arguments.
    """
    module = known().modules.get(name)
    if module is None or name not in layer_names:
        return module
    return module if nodes and all(isinstance(n, dict) and len(n.get("args") or ()) > 1 for n in nodes) else None


def to_config(function):
    """The entry of a `Function` in a graph's config, without its nodes. Raises `ValueError` where Keras has no
    class."""
    row = known().by_op.get(function.op)
    if row is None:
        raise ValueError(
            f"[get_config] the operation ops.{function.op} (node '{function.name}') has no form in a saved model; "
            "put it into a layer of your own"
        )
    module, name, stored = row
    kwargs = _arguments(function, function._inbound_nodes[0])
    config = {"name": function.name, **{k: kwargs[k] for k in stored if k in kwargs}}
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def node_arguments(function, node):
    """`(args, kwargs)` of a node as Keras stores them: those that are not in the config."""
    _, _, stored = known().by_op[function.op]
    named = _arguments(function, node)
    rest = {k: v for k, v in named.items() if k not in stored}
    args, kwargs, skipped = [], {}, False
    for name, p in _signature(function.op).parameters.items():
        if name not in rest:
            continue
        value = rest[name]
        if p.kind is p.VAR_POSITIONAL:
            args += value
        elif p.kind is p.VAR_KEYWORD:
            kwargs.update(value)
        elif value is None and p.default is not p.empty:
            skipped = True
        elif skipped:
            kwargs[name] = value
        else:
            args.append(value)
    return args, kwargs


def call(function, args, kwargs, fixed):
    """The outputs of a node read from a file; `fixed` are the arguments of its config."""
    names = list(_signature(function.op).parameters.items())
    star = next((i for i, (_, p) in enumerate(names) if p.kind is p.VAR_POSITIONAL), None)
    first = [name for name, _ in names[: star or 0] if name in fixed]  # as of einsum
    if star is None:  # arguments behind one of the config's, as of average, go by their names
        order = [name for name, _ in names]
        n = next((i for i, name in enumerate(order) if name in fixed), len(order))
        kwargs = {**dict(zip((name for name in order[n:] if name not in fixed), args[n:])), **kwargs}
        args = args[:n]
    rest = {k: v for k, v in fixed.items() if k not in first}
    return function.symbolic_call(*(fixed[name] for name in first), *args, **kwargs, **rest)


def _signature(op):
    return inspect.signature(get_public_op(op))


def _arguments(function, node):
    bound = _signature(function.op).bind(*node.args, **node.kwargs)
    bound.apply_defaults()
    return bound.arguments


def from_config(module, name, config):
    """`(Function, keyword arguments of its call)` of an entry; `None` when the entry is no operation of the list."""
    if module == "keras.src.activations.activations" and name == "ReLU":
        options = {k: v for k, v in config.items() if k != "name" and v}
        if options:
            raise ValueError(
                f"[from_config] the activation ReLU with options {options} is not supported as a graph node"
            )
        return Function("relu", name=config.get("name")), {}
    if (module, name) in _CONVERSIONS:
        dtype = config.get("dtype")
        return Function("copy" if dtype is None else "cast", name=config.get("name")), {"dtype": dtype} if dtype else {}
    found = known().by_class.get((module, name))
    if found is None:
        return None
    op, stored = found
    unknown = set(config) - set(stored) - {"name"}
    if unknown:
        raise ValueError(f"[from_config] the operation {name} takes no {sorted(unknown)} in its config")
    kwargs = {k: _tuples(v) for k, v in config.items() if k != "name"}
    return Function(op, name=config.get("name")), kwargs


def _tuples(x):
    """Lists as tuples, as programs write shapes and axes."""
    return tuple(_tuples(v) for v in x) if isinstance(x, list) else x
