"""Operations of `ops` as nodes of a saved graph: Keras's class of each, and what of a call is stored where.

The table is also the allow list: a file can name these operations and no others.
"""

import inspect

from ckeras._core.symbolic import Function, get_public_op

# Keras's module -> operations whose class is their name in camel case, with the parameters that the class stores in its
# config; the others are arguments of the node.
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
    """,
    "nn": """
        hard_sigmoid hard_silu hard_tanh log_sigmoid relu relu6 selu sigmoid silu softplus softsign tanh_shrink
        binary_crossentropy:from_logits categorical_crossentropy:from_logits,axis celu:alpha
        conv:strides,padding,data_format,dilation_rate depthwise_conv:strides,padding,data_format,dilation_rate
        elu:alpha gelu:approximate leaky_relu:negative_slope log_softmax:axis
        max_pool:pool_size,strides,padding,data_format one_hot:num_classes,axis,dtype,sparse softmax:axis
        sparse_categorical_crossentropy:from_logits,axis
    """,
    "core": "cast:dtype convert_to_tensor:dtype,sparse,ragged stop_gradient unstack:num,axis",
    "math": "erf logsumexp:axis,keepdims rsqrt",
}


def _rows():
    for module, text in _TABLE.items():
        for row in text.split():
            op, _, stored = row.partition(":")
            name = "".join(part.capitalize() for part in op.split("_"))
            yield op, f"keras.src.ops.{module}", name, tuple(stored.split(",")) if stored else ()


_BY_OP = {op: (module, name, stored) for op, module, name, stored in _rows()}
_BY_CLASS = {(module, name): (op, stored) for op, module, name, stored in _rows()}
_MODULES = {name: module for _, module, name, _ in _rows()}
# Keras publishes its operations under keras.ops too, and activations.relu has a class of its own.
_BY_CLASS.update({("keras.ops", name): (op, stored) for op, _, name, stored in _rows()})


def class_name(function):
    """The name of Keras's class for a `Function`; that of the operation where there is none."""
    row = _BY_OP.get(function.op)
    return row[1] if row else function.op


def module_of(name, nodes, layer_names):
    """The module of an operation that a `.h5` file stores by its class alone; `None` for a layer.

    Operations and merging layers share names: a layer's call has one list, an operation's two arguments.
    """
    module = _MODULES.get(name)
    if module is None or name not in layer_names:
        return module
    return module if nodes and all(isinstance(n, dict) and len(n.get("args") or ()) > 1 for n in nodes) else None


def to_config(function):
    """The entry of a `Function` in a graph's config, without its nodes. Raises `ValueError` where Keras has no
    class."""
    row = _BY_OP.get(function.op)
    if row is None:
        raise ValueError(
            f"[get_config] the operation ops.{function.op} (node '{function.name}') has no form in "
            "a saved model; put it "
            "into a layer of your own"
        )
    module, name, stored = row
    kwargs = _arguments(function, function._inbound_nodes[0])
    config = {"name": function.name, **{k: kwargs[k] for k in stored if k in kwargs}}
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def node_arguments(function, node):
    """`(args, kwargs)` of a node as Keras stores them: those that are not in the config."""
    _, _, stored = _BY_OP[function.op]
    named = _arguments(function, node)
    rest = {k: v for k, v in named.items() if k not in stored}
    optional = {k for k, p in _signature(function.op).parameters.items() if p.default is not p.empty}
    return [v for k, v in rest.items() if k not in optional or v is not None], {}


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
    found = _BY_CLASS.get((module, name))
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
