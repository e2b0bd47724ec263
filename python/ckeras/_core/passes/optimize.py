"""The passes in their order: what turns a trace's equations into those that a plan places in memory."""

from ckeras._core.passes.clip import read_clipped
from ckeras._core.passes.epilogue import absorb_epilogues
from ckeras._core.passes.fuse import fuse
from ckeras._core.passes.layout import join_layouts
from ckeras._core.passes.order import read_sums_late, sum_behind_products
from ckeras._core.passes.simplify import simplify
from ckeras._core.passes.updates import absorb_casts, update_early


def optimize(equations, values):
    """The equations that `values` need, simplified and fused, and the values in terms of them."""
    equations, values = simplify(equations, values)
    for _ in range(2):  # the second time with what the first transposed
        joined = join_layouts(equations)
        if len(joined) == len(equations):
            break
        equations, values = simplify(joined, values)
    equations = absorb_casts(absorb_epilogues(read_clipped(equations), values), values)
    return update_early(sum_behind_products(fuse(read_sums_late(equations), values))), values
