"""Programs: what the passes do, memory reuse, and in-place writes that never touch what is still read."""

import numpy as np
import pytest

from ckeras import _engine, ops
from ckeras._core.function import function
from ckeras._core.program import compile
from ckeras._core.tape import GradientTape
from ckeras._core.tensor import convert
from ckeras._core.variable import Variable
from ckeras.ops.updates import adam_update_p, sgd_update_p

F32 = "float32"


def test_a_chain_is_one_kernel_and_needs_no_memory():
    program = compile(lambda x: ops.tanh(ops.exp(x) * 2 + x) / 3, ((64, 64), F32))
    assert program.n_kernels == 1 and program.planned_bytes == 0


def test_equal_expressions_are_computed_once_and_dead_ones_never():
    def f(x):
        ops.matmul(x, x)
        return ops.matmul(x, x + 1) + ops.matmul(x, x + 1)

    assert str(compile(f, ((8, 8), F32))).count("matmul") == 1


def test_bias_and_activation_join_the_kernel_before_them():
    w, b = convert(np.ones((4, 5), F32)), convert(np.ones(5, F32))
    program = compile(lambda x: ops.relu(ops.matmul(x, w) + b), ((3, 4), F32))
    assert program.n_kernels == 1 and "activation=relu" in str(program)
    image = compile(
        lambda x: ops.tanh(ops.conv(x, np.ones((3, 3, 2, 5), F32)) + ops.reshape(b, (1, 1, 1, 5))), ((1, 8, 8, 2), F32)
    )
    assert image.n_kernels == 1 and "activation=tanh" in str(image)
    # The value in between is wanted: nothing may join.
    kept = compile(lambda x: (ops.matmul(x, w), ops.relu(ops.matmul(x, w))), ((3, 4), F32))
    assert kept.n_kernels == 2


def _same_bits(f, *shapes, dtype=F32):
    """The program of `f`, when it gives the bits of the eager run, sums of -0 among them."""
    rng = np.random.default_rng(3)
    xs = [ops.cast(np.where(rng.random(s) < 0.3, -0.0, rng.normal(size=s)), dtype) for s in shapes]
    program = compile(f, *[(s, dtype) for s in shapes])
    assert program.run(xs).numpy().tobytes() == f(*xs).numpy().tobytes()
    return program


def test_a_residual_joins_the_matmul_before_it():
    b = convert(np.linspace(-1, 1, 5).astype(F32))
    shapes = (3, 4), (4, 5), (3, 5)
    one = _same_bits(lambda x, w, r: r + ops.matmul(x, w), *shapes)
    assert one.n_kernels == 1 and "residual=True" in str(one)
    whole = _same_bits(lambda x, w, r: ops.tanh(ops.matmul(x, w) + b) + r, *shapes)
    assert whole.n_kernels == 1 and "activation=tanh" in str(whole)
    rows = _same_bits(lambda x, w, r: ops.matmul(x, w) + r, (2, 3, 4), (4, 5), (2, 3, 5))
    assert rows.n_kernels == 1
    two = _same_bits(lambda x, w: ops.matmul(x, w) + ops.matmul(x * 2, w), (3, 4), (4, 5))
    assert str(two).count("residual=True") == 1
    double = _same_bits(lambda x, w, r: ops.matmul(x, w) + r, *shapes, dtype="float64")
    assert double.n_kernels == 1


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_all_steps_join_behind_a_reshape(dtype):
    w, b = ops.cast(np.linspace(-1, 1, 24).reshape(4, 6), dtype), ops.cast(np.linspace(-1, 1, 6), dtype)

    def joined(f, *shapes):
        return _same_bits(f, *shapes, dtype=dtype).n_kernels == 1

    x, r = (2, 3, 4), (2, 3, 6)
    assert joined(lambda x, r: ops.relu(ops.matmul(x, w) + b) + r, x, r)

    # A bias of the channels in two dimensions, a variable as well; but no other part of them.
    def split(x):
        return ops.reshape(ops.matmul(x, w), (2, 3, 2, 3))

    heads = Variable(np.linspace(-1, 1, 6).reshape(2, 3), dtype=dtype)
    fixed = convert(heads.numpy()[None, None])
    assert joined(lambda x: ops.tanh(split(x) + ops.reshape(b, (2, 3))), x)
    assert joined(lambda x: split(x) + heads.value, x)
    assert joined(lambda x: split(x) + fixed, x)
    for part in ((3,), (2, 1), (1, 3), (3, 2, 3)):
        assert not joined(lambda x, r: split(x) + r, x, part)


def test_a_sum_waits_for_the_product_of_what_it_adds():
    def order(f):
        listing = str(_same_bits(f, (30, 8), (4, 5)))
        return listing.index("= matmul") < listing.index("= reduce_sum")

    def parts(x):
        return ops.split(ops.sort(x), 2, axis=1)

    assert order(lambda x, w: ops.matmul(parts(x)[1], w)[0] + ops.sum(parts(x)[1]))
    assert order(lambda x, w: ops.matmul(parts(x)[1], w) + ops.reshape(ops.sum(parts(x)[1], axis=0), (2, 2))[1, 0])
    # Not where the product reads the sum, nor where the array was just made.
    assert not order(lambda x, w: ops.matmul(parts(x)[1], w * ops.sum(parts(x)[1])))
    assert not order(lambda x, w: ops.sum(ops.sort(x[:, 4:])) + ops.matmul(ops.sort(x[:, 4:]), w)[0])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("shape", [(70, 300), (1, 40), (33, 31)])
def test_a_half_rounds_between_the_steps_that_join(dtype, activation, shape):
    m, k = shape
    f = getattr(ops, activation)
    b = ops.cast(np.linspace(-1, 1, 37), dtype)
    program = _same_bits(lambda x, w, r: f(ops.matmul(x, w) + b) + r, (m, k), (k, 37), (m, 37), dtype=dtype)
    assert program.n_kernels == 1 and f"activation={activation}" in str(program) and "residual=True" in str(program)
    assert _same_bits(lambda x, w: f(ops.matmul(x, w)), (m, k), (k, 37), dtype=dtype).n_kernels == 1


def test_what_a_residual_does_not_join():
    shapes = (3, 4), (4, 5), (3, 5)
    # After a residual no bias and no activation join.
    late = _same_bits(lambda x, w, r: ops.relu(ops.matmul(x, w) + r), *shapes)
    assert "activation" not in str(late)
    biased = _same_bits(lambda x, w, r: ops.matmul(x, w) + r + r[0], *shapes)
    assert biased.n_kernels > 1
    # What the loop of the sum makes on its way; what is made after the product; what is wanted by itself.
    assert "residual" not in str(_same_bits(lambda x, w, r: ops.matmul(x, w) + ops.exp(r), *shapes))
    assert "residual" not in str(_same_bits(lambda x, w, r: ops.matmul(x, w) + ops.transpose(r), *shapes[:2], (5, 3)))

    def twice(x, w, r):
        y = ops.matmul(x, w)
        return ops.matmul(ops.transpose(y), y + r)

    assert "residual" not in str(_same_bits(twice, *shapes))


def _normalized(y, mean, variance, axis=-1):
    return ops.batch_normalization(y, mean, ops.abs(variance), axis, offset=-mean, scale=variance)


@pytest.mark.parametrize("activation", [None, "relu", "relu6", "tanh"])
@pytest.mark.parametrize(
    ("x", "w", "settings"),
    [
        ((2, 9, 9, 5), (3, 3, 5, 21), {"padding": "same"}),
        ((1, 30, 31, 16), (3, 3, 16, 20), {}),
        ((2, 9, 9, 40), (1, 1, 40, 70), {}),
        ((2, 9, 9, 40), (3, 3, 1, 40), {"strides": 2}),
        ((2, 9, 9, 40), (5, 5, 40, 3), {"padding": "same"}),
        ((2, 40, 12), (4, 6, 24), {}),
        ((2, 16, 19, 30), (3, 3, 16, 20), {"padding": "same", "data_format": "channels_first"}),
    ],
)
def test_a_normalization_of_given_moments_joins_the_convolution(activation, x, w, settings):
    n, axis = w[-1], 1 if settings.get("data_format") else -1
    f = getattr(ops, activation) if activation else lambda y: y
    program = _same_bits(lambda x, w, m, v: f(_normalized(ops.conv(x, w, **settings), m, v, axis)), x, w, (n,), (n,))
    assert "scaled=True" in str(program) and "fused[multiply add" not in str(program), program
    assert activation is None or f"activation={activation}" in str(program)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("dtype", [F32, "float64"])
def test_a_residual_block_ends_in_its_last_convolution(strides, dtype):
    def block(x, a, b, m, v):
        y = ops.relu(_normalized(ops.conv(x, a, 1), m, v))
        y = ops.conv(y[:, ::strides, ::strides], a, 1)
        # The other way comes last, and moves to the front where it cannot be the one that adds.
        return ops.relu(_normalized(y, v, m) + _normalized(ops.conv(x, b, strides), m, m))

    program = _same_bits(block, (2, 8, 7, 20), (1, 1, 20, 20), (1, 1, 20, 20), (20,), (20,), dtype=dtype)
    listing = str(program)
    assert listing.count("scaled=True") == 3 and listing.count("residual=True") == 1, program
    assert "maximum" not in listing and listing.count("activation=relu") == 2, program


def test_what_a_convolution_does_not_end_with():
    shapes = (2, 8, 8, 16), (3, 3, 16, 16), (16,), (16,)

    def listing(f, *shapes, dtype=F32):
        return str(_same_bits(f, *shapes, dtype=dtype))

    # A loop behind it scales on its way; a window of several taps adds no residual, nor one that moves.
    assert "scaled" not in listing(lambda x, w, m, v: ops.silu(_normalized(ops.conv(x, w), m, v)), *shapes)
    wide = listing(lambda x, w, m, v: ops.relu(x + _normalized(ops.conv(x, w, padding="same"), m, v)), *shapes)
    assert "scaled" not in wide and "residual" not in wide
    one = (1, 1, 16, 16)
    assert "residual" not in listing(lambda x, w, r: ops.conv(x, w, 2) + r, shapes[0], one, (2, 4, 4, 16))
    assert "residual" not in listing(lambda x, w, r: ops.conv(x, w) + ops.exp(r), shapes[0], one, shapes[0])
    before = listing(
        lambda x, w, m, v: [y := x + ops.conv(x, w), ops.relu(y * m + v)][1] - y, shapes[0], one, *shapes[2:]
    )
    assert "residual" not in before  # the loop behind it sums on its way
    # After the activation a sum is another step; numbers along other dimensions are no channels.
    late = listing(lambda x, w, r: ops.relu(ops.conv(x, w)) + r, shapes[0], one, shapes[0])
    assert "residual" not in late and "activation=relu" in late
    rows = listing(lambda x, w, m, v: ops.conv(x, w) * m[:, None, None] + v[:, None, None], *shapes[:2], (6,), (6,))
    assert "scaled" not in rows
    # Halves would round fewer times; a value that is wanted by itself stays.
    assert "scaled" not in listing(lambda x, w, m, v: ops.conv(x, w) * m + v, *shapes, dtype="bfloat16")

    def twice(x, w, m, v):
        y = ops.conv(x, w)
        return ops.sum(y) + ops.sum(y * m + v)

    assert "scaled" not in listing(twice, *shapes)
    # The numbers are made of the result: they cannot come before it.
    assert "scaled" not in listing(
        lambda x, w, m, v: ops.conv(x, w) * ops.mean(ops.conv(x, w + 1), (0, 1, 2)) + ops.conv(x, w + 2)[0, 0, 0],
        *shapes,
    )


def test_a_bias_cast_late_joins_all_the_same():
    def f(x, w, b):
        y = ops.matmul(ops.cast(x, "bfloat16"), ops.cast(w, "bfloat16"))
        return ops.cast(ops.relu(y + ops.cast(b, "bfloat16")), F32)

    program = _same_bits(f, (5, 6), (6, 7), (7,))
    assert "activation=relu" in str(program) and "fused[add" not in str(program)


@pytest.mark.parametrize("record, slots", [(sgd_update_p, 1), (adam_update_p, 2)])
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_an_update_reads_the_gradients_of_halves(record, slots, half):
    attrs = {"has_momentum": True, "nesterov": True, "momentum": 0.9}
    if slots == 2:
        attrs = {"amsgrad": False, "one_minus_beta_1": 0.1, "one_minus_beta_2": 0.001, "epsilon": 1e-7}

    def f(p, x, y, m, v):
        gradient = ops.cast(ops.matmul(ops.cast(x, half), ops.cast(y, half)), F32)
        return record.bind(convert(np.float32(0.1)), p, gradient, *(ops.square(m), ops.square(v))[:slots], **attrs)[0]

    program = _same_bits(f, (30, 40), (30, 8), (8, 40), (30, 40), (30, 40))
    listing = str(program)
    assert listing.index("matmul") < listing.index("_update") and "cast" not in listing[listing.index("matmul") :]

    def g(p, x, y, m, v):
        gradient = ops.cast(ops.matmul(ops.cast(x, half), ops.cast(y, half)), F32)
        moved = record.bind(convert(np.float32(0.1)), p, gradient, *(ops.square(m), ops.square(v))[:slots], **attrs)[0]
        return moved + gradient

    _same_bits(g, (30, 40), (30, 8), (8, 40), (30, 40), (30, 40))


def test_transposes_and_broadcasts_are_strides():
    product = compile(lambda x: ops.matmul(ops.transpose(x), x), ((3, 4), F32))
    assert product.n_kernels == 1 and "transpose_a=True" in str(product)
    loop = compile(lambda x: ops.transpose(x) * 2 + ops.broadcast_to(x[:, 0], (4, 3)), ((3, 4), F32))
    assert "transpose" not in str(loop) and "broadcast" not in str(loop)


def test_a_group_never_waits_for_itself():
    def f(x):
        a = x * 2
        return a + ops.matmul(ops.exp(a), x) * a

    program = compile(f, ((8, 8), F32))
    x = convert(np.random.default_rng(0).normal(size=(8, 8)).astype(F32))
    assert program.run([x]).numpy().tobytes() == f(x).numpy().tobytes()


def test_memory_is_reused_by_lifetime():
    def f(x):
        for _ in range(20):
            x = ops.matmul(x, x)
        return x

    one = 256 * 256 * 4
    assert compile(f, ((256, 256), F32)).planned_bytes <= 2 * one


def test_buffers_take_the_lowest_place_that_is_free_while_they_live():
    assert _engine.place_buffers([]) == ([], 0)
    # the largest first: 256 at 0, 192 beside it, 128 where 192 is dead, 64 in the hole over 128, 1 at the end
    buffers = [(64, 5, 6), (128, 4, 7), (192, 0, 3), (256, 0, 9), (1, 4, 7)]
    assert _engine.place_buffers(buffers) == ([384, 256, 256, 0, 448], 512)
    # of one size, the one that begins first
    assert _engine.place_buffers([(64, 3, 4), (64, 1, 3), (0, 0, 9)]) == ([64, 0, 0], 128)


def test_buffers_that_live_at_once_do_not_overlap():
    rng = np.random.default_rng(0)
    for n in (1, 2, 30, 300):
        sizes, firsts = rng.integers(0, 5000, n), rng.integers(0, 100, n)
        lasts = firsts + rng.integers(0, 30, n)
        offsets, total = _engine.place_buffers(list(zip(sizes.tolist(), firsts.tolist(), lasts.tolist())))
        begins = np.array(offsets)
        ends = begins + sizes
        assert total % 64 == 0 and ends.max() <= total < ends.max() + 64 and not (begins % 64).any()
        at_once = (firsts[:, None] <= lasts) & (lasts[:, None] >= firsts) & ~np.eye(n, dtype=bool)
        assert not (
            at_once & (begins[:, None] < ends) & (ends[:, None] > begins) & (sizes > 0) & (sizes > 0)[:, None]
        ).any()


def test_buffers_of_impossible_sizes_are_refused():
    for sizes in ([-1], [2**62, 2**62], [2**63 - 1]):
        with pytest.raises(ValueError, match="too many bytes"):
            _engine.place_buffers([(n, 0, 1) for n in sizes])


def test_the_listing_reads():
    v = Variable(np.ones(4, F32), name="weight")

    def f(x):
        v.assign_add(ops.sum(x, 0))
        return ops.matmul(x, ops.transpose(x)) * 2

    lines = str(compile(f, ((3, 4), F32))).splitlines()
    assert lines[0] == "program of 4 kernels, 1 inputs, 1 variables"
    assert any("writes weight in place" in line for line in lines)
    assert any("matmul(in0[3, 4], in0[3, 4], transpose_b=True)" in line for line in lines)
    assert lines[-1].startswith("planned memory: ")


# ---- what is still read is never overwritten


def _check(step, variables, *inputs, runs=3):
    """Traced and eager runs of `step` leave the same bits in the results and in every variable."""
    start = [v.numpy().copy() for v in variables]
    inputs = [convert(x) for x in inputs]

    def run(f):
        for v, s in zip(variables, start):
            v.assign(s)
        results = [np.asarray(f(*inputs)).tobytes() for _ in range(runs)]
        return results, [v.numpy().tobytes() for v in variables]

    assert run(function(step)) == run(step)


A, C = np.arange(6, dtype=F32).reshape(2, 3), np.arange(9, dtype=F32).reshape(3, 3)


def test_a_variable_read_after_its_assignment():
    v = Variable(A)

    def step(x):
        old = v.value
        v.assign(v * 2 + x)
        return old + v

    _check(step, [v], A)


def test_the_old_value_is_returned():
    v = Variable(A)

    def step(x):
        old = v.value
        v.assign(old + x)
        return old

    _check(step, [v], A)


def test_the_old_value_is_read_by_a_later_kernel():
    v = Variable(C)

    def step(x):
        old = v.value
        v.assign(old + x)
        return ops.matmul(old, v.value) - ops.transpose(old)

    _check(step, [v], C)


def test_a_kernel_does_not_overwrite_its_own_operand():
    v = Variable(C)

    def step(x):
        v.assign(ops.matmul(v, x))
        return v.value

    _check(step, [v], C / 9)


def test_a_transposed_read_blocks_the_overwriting():
    v = Variable(C)

    def step(x):
        v.assign(v + ops.transpose(v) * x)
        return x

    _check(step, [v], C / 9)


def test_a_variable_updated_twice():
    v = Variable(A)

    def step(x):
        v.assign_add(x)
        middle = v * 1.5
        v.assign(v * 2)
        return middle

    _check(step, [v], A)


def test_variables_change_places():
    a, b, c = Variable(A), Variable(A + 10), Variable(A + 20)

    def step(x):
        old = a.value
        a.assign(b)
        b.assign(c)
        c.assign(old)
        return x

    _check(step, [a, b, c], A, runs=4)


def test_two_variables_take_one_value_and_the_input():
    a, b, c = Variable(A), Variable(A), Variable(A)

    def step(x):
        a.assign(x * 2)
        b.assign(a)
        c.assign(x)
        return a + b

    _check(step, [a, b, c], A)


def test_a_variable_takes_a_constant_or_itself():
    a, b = Variable(A), Variable(A)

    def step(x):
        a.assign(ops.ones((2, 3)))
        b.assign(b)
        return x + b

    _check(step, [a, b], A)


def test_a_variable_takes_a_reshaped_one():
    a, b = Variable(A), Variable(np.zeros((3, 2), F32))

    def step(x):
        b.assign(ops.reshape(a, (3, 2)))
        a.assign(ops.reshape(ops.exp(ops.reshape(a, (6,)) / 10), (2, 3)))
        return ops.sum(b)

    _check(step, [a, b], A)


def test_results_share_no_memory_that_changes():
    v = Variable(A)

    @function
    def step(x):
        v.assign_add(x)
        return v.value, x * 1, x

    first = step(convert(A))
    kept = [t.numpy().copy() for t in first]
    step(convert(A + 1))
    for t, k in zip(first, kept):
        np.testing.assert_array_equal(t.numpy(), k)


def test_inputs_are_never_written():
    x = convert(A)
    f = function(lambda x: ops.exp(x) + ops.sum(x))
    f(x)
    np.testing.assert_array_equal(x.numpy(), A)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_updates_in_place(momentum):
    p, q, m, n = (Variable(A + i) for i in range(4))

    def step(g):
        lr = convert(0.1)
        if momentum:
            new = sgd_update_p.bind(
                lr, p.value, g, m.value, q.value, g * 2, n.value, has_momentum=True, nesterov=True, momentum=0.9
            )
            targets = (p, m, q, n)
        else:
            new = sgd_update_p.bind(lr, p.value, g, q.value, g * 2, has_momentum=False, nesterov=False, momentum=0.0)
            targets = (p, q)
        for v, value in zip(targets, new):
            v.assign(value)
        return g

    _check(step, [p, q, m, n], A)
    assert str(function(step).program(convert(A))).count("in place") >= 1


def test_adam_updates_in_place():
    p, m, v = Variable(A), Variable(A * 0), Variable(A * 0)

    def step(g):
        new = adam_update_p.bind(
            convert(0.1),
            p.value,
            g,
            m.value,
            v.value,
            amsgrad=False,
            one_minus_beta_1=0.1,
            one_minus_beta_2=0.001,
            epsilon=1e-7,
        )
        for variable, value in zip((p, m, v), new):
            variable.assign(value)
        return g

    _check(step, [p, m, v], A + 1)
    listing = str(function(step).program(convert(A)))
    assert all(f"writes {x.path} in place" in listing for x in (p, m, v))


def test_run_steps_is_run_in_a_loop():
    rng = np.random.default_rng(1)
    data, labels = rng.normal(size=(40, 4)).astype(F32), rng.integers(0, 3, 40)
    w, b = Variable(np.zeros((4, 3), F32)), Variable(np.zeros(3, F32))

    def step(x, y):
        with GradientTape() as tape:
            loss = ops.mean(ops.sparse_categorical_crossentropy(y, ops.matmul(x, w) + b, from_logits=True))
        for v, g in zip((w, b), tape.gradient(loss, [w, b])):
            v.assign_sub(0.5 * g)
        return {"loss": loss}

    order = rng.permutation(40)
    losses = []
    for s in range(5):
        rows = order[s * 8 : s * 8 + 8]
        losses.append(float(step(convert(data[rows]), convert(labels[rows]))["loss"]))
    eager = [v.numpy().copy() for v in (w, b)]
    for v in (w, b):
        v.assign(v * 0)
    program = compile(step, ((8, 4), F32), ((8,), "int64"))
    done, result = program.run_steps([data, labels], order, 8, 0, 2, 60.0)
    assert done == 2 and float(result["loss"]) == losses[1]
    done, result = program.run_steps([data, labels], order, 8, 2, 3, 60.0)
    assert done == 3 and float(result["loss"]) == losses[4]
    for v, e in zip((w, b), eager):
        assert v.numpy().tobytes() == e.tobytes()


def test_a_long_step_traces_and_plans_right():
    w = [Variable(np.eye(8, dtype=F32) * 0.9, name=f"w{i}") for i in range(30)]

    def step(x):
        with GradientTape() as tape:
            h = x
            for v in w:
                h = ops.tanh(ops.matmul(h, v) + ops.mean(h)) * 1.1 + h
            loss = ops.sum(h * h)
        for v, g in zip(w, tape.gradient(loss, w)):
            v.assign_sub(1e-4 * g)
        return loss

    _check(step, w, np.random.default_rng(0).normal(size=(4, 8)).astype(F32), runs=2)
