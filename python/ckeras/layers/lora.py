"""Low-rank adaptation (LoRA): a frozen weight plus the product of two small ones that are trained in its stead."""

import math
import numbers

from ckeras import initializers, ops
from ckeras._core import scope
from ckeras.layers._arguments import positive


def adapted(name):
    """The property `name` of a layer: the variable in `_<name>`, or its sum with the product where LoRA is enabled."""
    stored = f"_{name}"

    def get(self):
        weight = self.__dict__.get(stored)
        if weight is None:
            raise AttributeError(
                f"Layer '{self.name}' has no {name} before it is built: call it on a tensor, or build(input_shape), "
                "first"
            )
        return ops.cast(self._with_lora(weight), self.compute_dtype) if self.lora_enabled else weight

    return property(get, doc=f"The weight; with LoRA enabled a tensor, what was trained added to the frozen {name}.")


class LowRank:
    """The part of a layer that adapts its weight `_adapts`: W becomes W + (lora_alpha / lora_rank) A B.

    The weight is a variable in `_<name>`, with a property `adapted(name)`. A layer hands its arguments to `_keep_lora`
    and ends its `build` with `_build_lora`. Files hold the sum under the place of W, and nothing of A and B.
    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021).
    """

    _adapts = "kernel"
    lora_enabled = False

    def _keep_lora(self, rank, alpha):
        where = type(self).__name__
        self.lora_rank = positive(where, "lora_rank", rank) if rank or isinstance(rank, bool) else rank
        self.lora_alpha = rank if alpha is None else _finite(where, alpha)

    def _build_lora(self):
        if self.lora_rank:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Freezes the layer's weight W of shape `(..., n)` and adds what two new float32 weights make of it.

        These are A of shape `(..., rank)` and B of shape `(rank, n)`; the layer computes with
        W + (lora_alpha / rank) A B, where `lora_alpha` is `rank` by default. They take the weight's regularizer.
        Compile a model anew afterwards. Files hold the sum in the place of W; after loading B is zero and A as it was.
        Raises `ValueError` for a layer that is not built, has LoRA already or a constraint on the weight, and for a
        rank that is no positive integer.

        >>> layer = ckeras.layers.Dense(3)
        >>> layer.build((None, 4))
        >>> layer.enable_lora(2)
        >>> [w.name for w in layer.trainable_weights]
        ['bias', 'lora_kernel_a', 'lora_kernel_b']
        """
        name = self._adapts
        where = f"{self.name}.enable_lora"
        weight = self.__dict__.get(f"_{name}")
        if getattr(self, f"{name}_constraint") is not None:
            raise ValueError(
                f"[{where}] what is added to the {name} would break the {name}_constraint: make the layer without it"
            )
        if weight is None:
            raise ValueError(
                f"[{where}] the layer has no {name} yet: call it on a tensor, or build(input_shape), first"
            )
        if self.lora_enabled:
            raise ValueError(f"[{where}] LoRA is enabled already, with rank {self.lora_rank}; a layer has it once")
        rank = positive(where, "rank", rank)
        alpha = rank if lora_alpha is None else _finite(where, lora_alpha)
        factors = (
            ("a", (*weight.shape[:-1], rank), a_initializer),
            ("b", (rank, weight.shape[-1]), b_initializer),
        )
        with scope.concrete(), scope.name_scope(self.name, override_parent=(self.path or "").rpartition("/")[0]):
            for factor, shape, initializer in factors:
                variable = self.add_weight(
                    shape=shape,
                    initializer=initializers.get(initializer),
                    dtype="float32",
                    regularizer=getattr(self, f"{name}_regularizer"),
                    name=f"lora_{name}_{factor}",
                )
                setattr(self, f"lora_{name}_{factor}", variable)
        weight.trainable = False
        self.lora_enabled, self.lora_rank, self.lora_alpha = True, rank, alpha
        self._note_change()

    def _factors(self):
        return getattr(self, f"lora_{self._adapts}_a"), getattr(self, f"lora_{self._adapts}_b")

    def _with_lora(self, weight):
        return ops.add(weight, ops.multiply(ops.matmul(*self._factors()), self.lora_alpha / self.lora_rank))

    # ---- configs and files

    def get_config(self):
        lora = {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha} if self.lora_rank else {}
        return {**super().get_config(), **lora}

    def _stored_variables(self):
        own = super()._stored_variables()
        return [v for v in own if not any(v is f for f in self._factors())] if self.lora_enabled else own

    def _stored_value(self, v):
        if self.lora_enabled and v is self.__dict__[f"_{self._adapts}"]:
            return ops.cast(self._with_lora(v), v.dtype).numpy()
        return super()._stored_value(v)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        if self.lora_enabled:
            # Not A too: with both at zero neither would ever have a gradient.
            b = self._factors()[1]
            b.assign(ops.zeros(b.shape, b.dtype))


def _finite(where, alpha):
    if isinstance(alpha, bool) or not isinstance(alpha, numbers.Real) or not math.isfinite(alpha):
        raise ValueError(f"[{where}] lora_alpha must be a number, got {alpha!r}")
    return alpha
