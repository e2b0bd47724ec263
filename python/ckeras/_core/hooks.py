"""Functions that `_core` needs and `ops` installs when it is imported: `_core` itself knows no operation by name."""

cast = None  # (x, dtype name) -> x in that dtype
add = None  # (a, b) -> a + b, same shape and dtype
sum_to = None  # (x, shape) -> x summed over the dims that broadcasting from `shape` added or widened
full = None  # (shape, value, dtype) -> constant
stack = None  # (tensors, axis=0, shape=None) -> joined along a new axis, then reshaped
reshape = None  # (x, shape) -> x in that shape
getitem = None  # (x, key) -> x[key]
learn = None  # (function, args, names, tensors) -> what `_engine.short_way` asks
learn_backward = None  # (records, targets, seeds, wanted, tensors) -> what `_engine.backward` asks
load_op = None  # (name) -> None: loads the module of `ops` that defines it
# Installed by `_core.device` when a GPU is first used.
placed = None  # (tensors, results) -> the results, where those tensors live
assign_elsewhere = None  # (variable, tensor of another device) -> None
free_memory = None  # () -> None
from_dlpack = None  # another library's array -> a tensor that shares it, or None
one_hot_rows = None  # (i, n, dtype, rows=1) -> [rows, n] with ones in column i
