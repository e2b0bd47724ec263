"""Records of the random primitives. Each takes a seed, uint32[2]: equal seeds give equal numbers, eager or traced."""

from ckeras._core.primitive import Primitive


def _spec(seed, shape, dtype, **attrs):
    return shape, dtype


def _two_floats(a, b):
    return lambda seed, shape, dtype, **attrs: ((), (attrs[a], attrs[b]))


random_bits_p = Primitive(
    "random_bits", lambda seed, shape: (shape, "uint32"), lambda seed, shape: ((), ()), doc="uniform uint32"
)
random_uniform_p = Primitive("random_uniform", _spec, _two_floats("low", "high"), doc="floats in [low, high)")
random_normal_p = Primitive("random_normal", _spec, _two_floats("mean", "stddev"), doc="normal floats")
random_truncated_normal_p = Primitive(
    "random_truncated_normal", _spec, _two_floats("mean", "stddev"), doc="normal floats within 2 stddev of the mean"
)
random_gamma_p = Primitive("random_gamma", lambda seed, alpha: (alpha.shape, alpha.dtype), doc="gamma, scale 1")
random_binomial_p = Primitive(
    "random_binomial",
    lambda seed, counts, probabilities: (counts.shape, counts.dtype),
    doc="how many of so many trials of a probability succeed",
)
dropout_p = Primitive(
    "dropout",
    lambda x, seed, rate: (x.shape, x.dtype),
    lambda x, seed, rate: ((), (rate,)),
    lambda ctx, g: (dropout_p.bind(g, ctx.inputs[1], rate=ctx.attrs["rate"]), None),
    "x * keep / (1 - rate), kept with probability 1 - rate",
)
