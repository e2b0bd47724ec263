"""Reverse-mode differentiation: GradientTape, grad, value_and_grad, custom_gradient."""

import contextlib
import functools

from ckeras import _engine
from ckeras._core import hooks, nest
from ckeras._core.dtypes import FLOATS
from ckeras._core.errors import ArgumentError, DTypeError, GradientError
from ckeras._core.primitive import Alias
from ckeras._core.scope import state
from ckeras._core.tensor import TensorBase, convert
from ckeras._core.variable import Variable

identity_p = Alias("identity", lambda x: (x.shape, x.dtype), vjp=lambda ctx, g: (g,))
stop_gradient_p = Alias("stop_gradient", lambda x: (x.shape, x.dtype), vjp=lambda ctx, g: (None,))


@contextlib.contextmanager
def no_record():
    """No tape records inside."""
    saved = state.tapes
    state.tapes = ()
    try:
        yield
    finally:
        state.tapes = saved


class Record:
    """One recorded operation; also the `ctx` of its vjp."""

    __slots__ = ("attrs", "inputs", "needs", "outputs", "primitive")

    def __init__(self, primitive, inputs, attrs, outputs):
        self.primitive = primitive
        self.inputs = inputs
        self.attrs = attrs
        self.outputs = outputs
        self.needs = ()


class GradientTape:
    """Records operations on watched tensors and gives gradients, with TensorFlow's semantics.

    Trainable variables are watched when they are read inside the `with` block, unless `watch_accessed_variables` is
    false; tensors by `watch`. A `persistent` tape answers more than once. Tapes nest for higher derivatives.

    >>> x = ckeras.ops.convert_to_tensor(3.0)
    >>> with ckeras.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self._persistent = persistent
        self._watch_variables = watch_accessed_variables
        self._entered = False
        self.reset()

    def reset(self):
        """Forgets everything recorded and watched."""
        self._records = []
        self._tracked = {}  # id -> the tensor itself, kept alive so that the id stays its own
        self._variables = {}  # id -> (variable, the tensors read from it)
        self._used = False

    def __enter__(self):
        if self._entered:
            raise GradientError("[GradientTape] this tape is already recording")
        self._entered = True
        state.tapes = (*state.tapes, self)
        return self

    def __exit__(self, *exc):
        self._entered = False
        state.tapes = tuple([t for t in state.tapes if t is not self])

    def watch(self, tensor):
        """Records what is computed from `tensor`: a float tensor or variable, or a nested structure of them."""
        for t in nest.leaves(tensor):
            if isinstance(t, Variable):
                self._saw(t, t.value)
            elif not isinstance(t, TensorBase):
                raise TypeError(
                    f"[GradientTape.watch] expected a tensor or variable, got {type(t).__name__}; "
                    "convert it first: x = ops.convert_to_tensor(x), and compute with that x"
                )
            elif t.dtype not in FLOATS:
                raise DTypeError(f"[GradientTape.watch] expected a float tensor, got {t.dtype}; ops.cast it first")
            else:
                self._tracked[id(t)] = t

    def watched_variables(self):
        """The variables watched so far, in the order they were first read."""
        return tuple([v for v, _ in self._variables.values()])

    def saw_variable(self, variable, tensor):
        """A variable was read while this tape records."""
        if self._watch_variables:
            self._saw(variable, tensor)

    def _saw(self, variable, tensor):
        if id(tensor) in self._tracked and id(variable) in self._variables:
            return
        if tensor.dtype in FLOATS:
            self._tracked[id(tensor)] = tensor
            self._variables.setdefault(id(variable), (variable, []))[1].append(tensor)

    def record(self, primitive, inputs, attrs, outputs):
        """An operation ran while this tape records; kept when it reads something tracked."""
        tracked = self._tracked
        for x in inputs:
            if id(x) in tracked:
                self._records.append(Record(primitive, inputs, attrs, outputs))
                for y in outputs:
                    if y.dtype in FLOATS:
                        tracked[id(y)] = y
                return

    def follows(self, tensor):
        """Whether gradients may flow to this tensor."""
        return id(tensor) in self._tracked

    @contextlib.contextmanager
    def stop_recording(self):
        """This tape records nothing inside."""
        saved = state.tapes
        state.tapes = tuple([t for t in saved if t is not self])
        try:
            yield
        finally:
            state.tapes = saved

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients="none"):
        """The gradients of `target` (summed over its elements) with respect to `sources`, structured as `sources`.

        `output_gradients`: the gradient flowing into each target, ones by default. `unconnected_gradients`: what a
        source without influence gives, `"none"` for `None` or `"zero"` for zeros.
        Raises `GradientError` on the second call of a tape that is not persistent, for targets that are not float,
        and where an operation on the way has no derivative.
        """
        zero = _unconnected(unconnected_gradients)
        if self._used:
            raise GradientError(
                "[GradientTape.gradient] this tape has given its gradients already; use GradientTape(persistent=True) "
                "to ask more than once, or jacobian for a vector's derivative"
            )
        self._used = not self._persistent
        if self._persistent or not state.tapes:
            grads = self._gradients(target, sources, output_gradients, zero)
        else:
            with self.stop_recording():
                grads = self._gradients(target, sources, output_gradients, zero)
        if self._used:  # nothing read is held: an update may then write the variables where they lie
            self._records, self._tracked = [], {}
            self._variables = {key: (v, []) for key, (v, _) in self._variables.items()}
        return grads

    def jacobian(
        self,
        target,
        sources,
        unconnected_gradients="none",
        parallel_iterations=None,
        experimental_use_pfor=True,
    ):
        """The derivative of each element of `target`: shape `target.shape + source.shape` per source.

        One backward pass an element of `target`; the last two arguments are TensorFlow's and change nothing here.
        """
        zero = _unconnected(unconnected_gradients)
        target = convert(target)
        rows = [
            nest.leaves_with_none(self._pass(target, sources, zero, hooks.one_hot_rows(i, target.size, target.dtype)))
            for i in range(target.size)
        ]
        self._used = not self._persistent
        columns = [
            None if col[0] is None else hooks.stack(list(col), 0, (*target.shape, *col[0].shape)) for col in zip(*rows)
        ]
        return nest.pack(sources, columns)

    def batch_jacobian(self, target, source, unconnected_gradients="none", **ignored):
        """Per example derivatives of `target` [b, ...] by `source` [b, ...]: shape `[b] + target[1:] + source[1:]`.

        Examples must not influence each other.
        """
        zero = _unconnected(unconnected_gradients)
        target = convert(target)
        if not target.shape or not source.shape or target.shape[0] != source.shape[0]:
            raise ArgumentError(
                f"[batch_jacobian] expected the same first dimension, got shapes {target.shape} and {source.shape}"
            )
        size = target.size // max(1, target.shape[0])
        rows = [
            self._pass(target, source, zero, hooks.one_hot_rows(i, size, target.dtype, target.shape[0]))
            for i in range(size)
        ]
        self._used = not self._persistent
        if not rows or rows[0] is None:
            return None
        return hooks.stack(rows, 1, (target.shape[0], *target.shape[1:], *source.shape[1:]))

    def _pass(self, target, sources, zero, seed):
        if self._used:
            raise GradientError("[GradientTape.jacobian] this tape has given its gradients already")
        with contextlib.nullcontext() if self._persistent else self.stop_recording():
            return self._gradients(target, sources, hooks.reshape(seed, target.shape), zero)

    def _gradients(self, target, sources, output_gradients, zero):
        targets = [t.value if isinstance(t, Variable) else t for t in nest.leaves(target)]
        sources_flat = nest.leaves(sources)
        seeds = [None] * len(targets) if output_gradients is None else nest.leaves_with_none(output_gradients)
        if len(seeds) != len(targets):
            raise ArgumentError(
                f"[GradientTape.gradient] expected {len(targets)} output_gradients, one a target; got {len(seeds)}"
            )
        for i, (t, seed) in enumerate(zip(targets, seeds)):
            if not isinstance(t, TensorBase):
                raise TypeError(f"[GradientTape.gradient] expected tensors as target, got {type(t).__name__}")
            if t.dtype not in FLOATS:
                raise GradientError(f"[GradientTape.gradient] expected a float target, got {t.dtype}")
            if seed is not None:
                seeds[i] = seed = convert(seed, t.dtype)
                if seed.shape != t.shape:
                    raise ArgumentError(
                        f"[GradientTape.gradient] output_gradients: expected shape {t.shape}, got {seed.shape}"
                    )
        wanted = [self._tensors_of(s) for s in sources_flat]
        grads = iter(_gradients_of(self._records, targets, seeds, [t for tensors in wanted for t in tensors]))
        found = []
        for source, tensors in zip(sources_flat, wanted):
            total = None
            for _, g in zip(tensors, grads):
                if g is not None:
                    total = g if total is None else hooks.add(total, g)
            if total is None and zero:
                total = hooks.full(source.shape, 0, source.dtype)
            found.append(total)
        return nest.pack(sources, found)

    def _tensors_of(self, source):
        if isinstance(source, Variable):
            return self._variables.get(id(source), (source, ()))[1]
        if not isinstance(source, TensorBase):
            raise TypeError(
                f"[GradientTape.gradient] expected tensors or variables as sources, got {type(source).__name__}"
            )
        return (source,)


def _gradients_of(records, targets, seeds, wanted):
    """`backward`, by what the engine has learnt where nothing else listens."""
    if not state.tapes and state.trace is None and state.overlay is None and state.autocast is None:
        found = _engine.backward(hooks.learn_backward, records, targets, seeds, wanted)
        if found is not None:
            return found
    return backward(records, targets, seeds, wanted)


def backward(records, targets, seeds, wanted):
    """The gradients of the tensors `wanted`, or `None`, where `seeds` flow into `targets`; a seed of `None` is ones."""
    grads = {}
    for t, seed in zip(targets, seeds):
        _accumulate(grads, t, hooks.full(t.shape, 1, t.dtype) if seed is None else seed)
    _walk_back(records, grads, {id(t) for t in wanted})
    return [grads.get(id(t)) for t in wanted]


def _walk_back(records, grads, wanted):
    """Walks the records backwards; afterwards `grads` holds the gradient of every id in `wanted` that has one."""
    reach = set(wanted)
    path = []
    for record in records:
        needs = tuple([id(x) in reach for x in record.inputs])
        if True in needs:
            reach.update([id(y) for y in record.outputs])
            path.append((record, needs))
    for record, needs in reversed(path):
        flowing = [grads.get(id(y)) if id(y) in wanted else grads.pop(id(y), None) for y in record.outputs]
        if all(g is None for g in flowing):
            continue
        primitive = record.primitive
        if primitive.vjp is None:
            raise GradientError(
                f"[{primitive.name}] has no derivative; cut the path with ops.stop_gradient, "
                "or give one with ckeras.ops.custom_gradient"
            )
        record.needs = needs
        if not primitive.partial:
            flowing = [hooks.full(y.shape, 0, y.dtype) if g is None else g for g, y in zip(flowing, record.outputs)]
        for x, need, g in zip(record.inputs, needs, primitive.vjp(record, *flowing)):
            if need and g is not None:
                _accumulate(grads, x, g)


def _accumulate(grads, tensor, g):
    old = grads.get(id(tensor))
    grads[id(tensor)] = g if old is None else hooks.add(old, g)


def _unconnected(choice):
    name = getattr(choice, "value", choice)
    if name not in ("none", "zero"):
        raise ArgumentError(f"[GradientTape] unconnected_gradients must be 'none' or 'zero', got {choice!r}")
    return name == "zero"


def value_and_grad(fn, argnums=0, has_aux=False):
    """A function that returns `fn`'s value and its gradients with respect to the arguments numbered `argnums`.

    Arguments may be nested structures of tensors. With `has_aux`, `fn` returns `(value, aux)` and the result is
    `((value, aux), gradients)`. Arguments without influence give zeros. Raises `GradientError` when the value is not
    a float scalar.

    >>> value, slope = ckeras.value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        args = list(args)
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise ArgumentError(f"[value_and_grad] argnums {argnums}: got {len(args)} positional arguments")
            args[n] = nest.map_leaves(lambda x: identity_p.bind(convert(x)), args[n])
        with GradientTape() as tape:
            tape.watch([args[n] for n in numbers])
            result = fn(*args, **kwargs)
            value = result[0] if has_aux else result
        if not isinstance(value, TensorBase) or value.shape != ():
            got = value.shape if isinstance(value, TensorBase) else type(value).__name__
            raise GradientError(f"[value_and_grad] expected the function to return a scalar, got {got}; ops.sum it")
        grads = tape.gradient(value, [args[n] for n in numbers], unconnected_gradients="zero")
        return result, grads[0] if isinstance(argnums, int) else tuple(grads)

    return wrapper


def grad(fn, argnums=0):
    """A function that returns the gradients of the scalar `fn`; see `value_and_grad`.

    >>> float(ckeras.grad(ckeras.grad(lambda x: x * x * x))(2.0))
    12.0
    """
    both = value_and_grad(fn, argnums)

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return both(*args, **kwargs)[1]

    return wrapper


class _Custom:
    """The record of a custom_gradient call: a primitive as far as a tape is concerned."""

    partial = False

    def __init__(self, name, rule):
        self.name = name
        self._rule = rule

    def vjp(self, ctx, *grads):
        found = self._rule(*grads)
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(found) != len(ctx.inputs):
            raise GradientError(
                f"[custom_gradient {self.name}] expected {len(ctx.inputs)} gradients, one an argument; got {len(found)}"
            )
        checked = []
        for i, (g, x) in enumerate(zip(found, ctx.inputs)):
            if g is not None:
                g = convert(g, x.dtype)
                if g.shape != x.shape:
                    raise GradientError(
                        f"[custom_gradient {self.name}] gradient {i}: expected shape {x.shape}, got {g.shape}"
                    )
            checked.append(g)
        return checked


def record_custom(record, inputs, outputs):
    """Tells the tapes, and the trace for later replays, that `outputs` have a derivative of their own."""
    for tape in state.tapes:
        tape.record(record, inputs, {}, outputs)
    if state.trace is not None:
        state.trace.customs.append((len(state.trace.equations), record, inputs, outputs))


def custom_gradient(f):
    """Gives `f` its own derivative: `f(*args)` returns `(outputs, grad_fn)`, and `grad_fn(*upstream)` the gradients.

    One upstream gradient an output, one returned gradient a positional argument.

    >>> @ckeras.ops.custom_gradient
    ... def clipped(x):
    ...     return x, lambda upstream: ops.clip(upstream, -1.0, 1.0)
    """

    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        inputs = tuple([convert(a) for a in args])
        result, rule = f(*inputs, **kwargs)
        with no_record():
            outputs = [identity_p.bind(convert(y)) for y in nest.leaves(result)]
        record_custom(_Custom(getattr(f, "__name__", "function"), rule), inputs, tuple(outputs))
        return nest.pack(result, outputs)

    return wrapper


class Derived:
    """A function with a derivative of its own that is known beforehand: a primitive as far as tapes are concerned."""

    partial = False

    def __init__(self, name, rule, attrs):
        self.name = name
        self._rule = rule
        self._attrs = attrs

    def vjp(self, ctx, g):
        return self._rule(ctx, g, **self._attrs)


def derived(rule):
    """Gives a function of tensors, with hashable keyword arguments and one result, the derivative `rule`.

    `rule(ctx, g, **kwargs)` is as a primitive's `vjp`. Unlike one of `custom_gradient` it looks at nothing else:
    backward passes through it can be learnt.
    """

    def decorate(f):
        known = {}  # keyword arguments -> their record; kept for ever, since passes are known by its address

        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            inputs = tuple([convert(a) for a in args])
            with no_record():
                out = identity_p.bind(f(*inputs, **kwargs))
            record = known.get(key := tuple(kwargs.items()))
            if record is None:
                record = known.setdefault(key, Derived(f.__name__, rule, kwargs))
            record_custom(record, inputs, (out,))
            return out

        return wrapper

    return decorate


def stop_gradient(x):
    """`x` as a constant of differentiation."""
    return stop_gradient_p.bind(convert(x))


_engine.set_tape(GradientTape, Record)
