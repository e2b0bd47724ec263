"""The extension module by itself: memory, arrays, cells, programs, and that nothing typed in Python crashes it."""

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckeras import _engine as engine

F32, I32, I64 = (engine.DTYPES.index(name) for name in ("float32", "int32", "int64"))
OPS = {row["name"]: i for i, row in enumerate(engine.op_table())}


def array(values, dtype="float32"):
    return engine.Array.from_numpy(np.array(values, dtype), True)


def add(a, b):
    return engine.run(OPS["add"], (a, b), ((np.broadcast_shapes(a.shape, b.shape), a.dtype),), (), ())[0]


def counter(cell, extra_slots=(), extra_instructions=(), outputs=()):
    """A Program that adds input 0 to the cell in place."""
    shape = cell.get().shape
    slots = [(0, 0, F32, shape), (2, 0, F32, shape), *extra_slots]
    return engine.Program(slots, [], [cell], [*extra_instructions, (OPS["add"], (1, 0), (1,), (), ())], [], outputs, 0)


# ---- arrays


@pytest.mark.parametrize("name", [n for n in engine.DTYPES if n != "bfloat16"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_numpy_round_trip(name, shape):
    values = np.arange(int(np.prod(shape, dtype=int))).reshape(shape).astype(name)
    for copy in (False, True):
        a = engine.Array.from_numpy(values, copy)
        assert (a.shape, engine.DTYPES[a.dtype], a.nbytes) == (shape, name, values.nbytes)
        back = a.numpy()
        assert back.dtype == values.dtype
        assert not back.flags.writeable
        np.testing.assert_array_equal(back, values)


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    a = engine.Array.from_numpy(values)
    assert engine.DTYPES[a.dtype] == "bfloat16"
    assert a.numpy().tolist() == [0x3FC0, 0xC000]
    assert a.numpy(ml_dtypes.bfloat16).tolist() == [1.5, -2.0]
    with pytest.raises(ValueError, match="2 bytes of bfloat16"):
        a.numpy("float32")


def test_from_numpy_shares_and_keeps_alive():
    class Owner(np.ndarray):
        pass

    values = np.arange(4, dtype="float32").view(Owner)
    alive = weakref.ref(values)
    a = engine.Array.from_numpy(values)
    assert np.shares_memory(a.numpy(), values)
    del values
    gc.collect()
    assert alive() is not None
    view = a.numpy()
    del a
    assert view.tolist() == [0, 1, 2, 3]
    del view
    gc.collect()
    assert alive() is None


def test_from_numpy_copies_other_layouts():
    values = np.arange(12, dtype="int32").reshape(3, 4)
    for other in (values.T, values[:, ::2], values[::-1], values.astype(">i4")):
        np.testing.assert_array_equal(engine.Array.from_numpy(other).numpy(), other)
    unaligned = np.frombuffer(b"\0" + values.tobytes(), "i4", offset=1)
    np.testing.assert_array_equal(engine.Array.from_numpy(unaligned).numpy(), unaligned)


def test_reshape_and_slice_share_memory():
    a = array(np.arange(6).reshape(2, 3))
    assert np.shares_memory(a.numpy(), a.reshape((3, 2)).numpy())
    assert a.slice0(1, 2).numpy().tolist() == [[3, 4, 5]]
    assert np.shares_memory(a.numpy(), a.slice0(1, 2).numpy())


def test_dlpack():
    a = array([1, 2, 3])

    class Producer:
        def __dlpack__(self, max_version=None, **_):
            return a.to_dlpack(bool(max_version))

        def __dlpack_device__(self):
            return (1, 0)

    shared = np.from_dlpack(Producer())
    assert shared.tolist() == [1, 2, 3]
    if tuple(map(int, np.__version__.split(".")[:2])) >= (2, 1):  # older NumPy cannot take a versioned capsule
        assert np.shares_memory(shared, a.numpy())
        assert not shared.flags.writeable
    values = np.arange(6, dtype="int64").reshape(2, 3)
    capsule = values.__dlpack__()
    back = engine.Array.from_dlpack(capsule)
    assert np.shares_memory(back.numpy(), values)
    with pytest.raises(TypeError, match="consumed"):
        engine.Array.from_dlpack(capsule)
    with pytest.raises(ValueError, match="contiguous"):
        engine.Array.from_dlpack(values.T.__dlpack__())
    a.to_dlpack()  # a capsule that nobody takes is freed


# ---- memory


def test_memory_is_counted_and_returned():
    gc.collect()
    before = engine.memory()["in_use"]
    a = engine.Array.empty((1000, 1000), F32)
    assert engine.memory()["in_use"] >= before + 4_000_000
    engine.reset_peak()
    b = a.reshape((1000000,))
    del a
    assert engine.memory()["in_use"] >= before + 4_000_000
    del b
    assert engine.memory()["in_use"] == before
    assert engine.memory()["peak"] >= before + 4_000_000
    engine.release()
    assert engine.memory()["cached"] == 0


def test_absurd_sizes_are_refused():
    with pytest.raises(MemoryError, match=r"cannot allocate 4503599627370496 bytes.*in use"):
        engine.Array.empty((1 << 50,), F32)
    with pytest.raises(ValueError, match=r"2\^63"):
        engine.Array.empty((1 << 40, 1 << 40), F32)
    with pytest.raises(ValueError, match="negative"):
        engine.Array.empty((2, -1), F32)
    with pytest.raises(ValueError, match="at most 12 dimensions"):
        engine.Array.empty((1,) * 1000, F32)
    with pytest.raises(OverflowError):
        engine.Array.empty((1 << 80,), F32)


def test_memory_is_flat():
    a = array(np.zeros(100))
    cell = engine.Cell(a)
    program = counter(cell, outputs=(1,))
    program.run([a])
    before = engine.memory()["in_use"]
    for _ in range(2000):
        program.run([a])
        add(a, a)
    assert engine.memory()["in_use"] == before


# ---- run


def test_run_broadcasts():
    np.testing.assert_array_equal(add(array([[1], [2]]), array([10, 20, 30])).numpy(), [[11, 21, 31], [12, 22, 32]])
    assert add(array(2), array(3)).numpy() == 5


def test_run_checks_its_arguments():
    a = array([1, 2])
    outs = (((2,), F32),)
    for error, arguments in [
        (ValueError, (10**6, (a, a), outs, (), ())),
        (ValueError, (OPS["add"], (a,), outs, (), ())),
        (ValueError, (OPS["add"], (a, a), outs * 2, (), ())),
        (ValueError, (OPS["add"], (a, a), (((3,), F32),), (), ())),
        (ValueError, (OPS["add"], (a, a), (((2,), I32),), (), ())),
        (ValueError, (OPS["add"], (a, array([1, 2], "int32")), outs, (), ())),
        (ValueError, (OPS["add"], (a, a), (((2,), 99),), (), ())),
        (ValueError, (OPS["add"], (a, a), (((2,),),), (), ())),
        (ValueError, (OPS["logical_and"], (a, a), outs, (), ())),
        (ValueError, (-1, (a, a), outs, (), ())),
        (TypeError, (OPS["add"], (a, None), outs, (), ())),
        (TypeError, (OPS["add"], a, outs, (), ())),
        (TypeError, (OPS["add"], (a, a), outs, ("x",), ())),
        (TypeError, (OPS["add"], (a, a), outs, (), ("x",))),
        (TypeError, ("add", (a, a), outs, (), ())),
        (TypeError, (OPS["add"],)),
    ]:
        with pytest.raises(error):
            engine.run(*arguments)


def test_fault_names_the_value():
    x, indices = array([1, 2, 3]), array([0, 3], "int32")
    with pytest.raises(engine.Fault) as caught:
        engine.run(OPS["gather"], (x, indices), (((2,), F32),), (0, 0), ())
    assert caught.value.args == ("gather", 1, 3, 3)


# Anything but numbers that would ask for real memory: sizes are tiny, or refused.
_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**31, 2**62, 2**63, -(2**63), 2**100])
    | st.floats(allow_nan=True)
    | st.text(max_size=3)
    | st.just(np.arange(3))
    | st.builds(lambda: array([1, 2, 3]))
    | st.builds(lambda: engine.Cell(array([1, 2, 3]))),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)
_ELEMENTWISE = [i for i, row in enumerate(engine.op_table()) if row["kind"] == "elementwise"]
_ERRORS = (TypeError, ValueError, OverflowError, MemoryError)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.data())
def test_junk_raises_and_never_crashes(data):
    a = array([1, 2, 3])
    junk = st.lists(_JUNK, max_size=7)
    calls = [
        lambda: engine.Array.empty(*data.draw(junk)),
        lambda: engine.Array.from_numpy(*data.draw(junk)),
        lambda: engine.Array.from_dlpack(*data.draw(junk)),
        lambda: a.numpy(*data.draw(junk)),
        lambda: a.reshape(*data.draw(junk)),
        lambda: a.slice0(*data.draw(junk)),
        lambda: engine.Cell(*data.draw(junk)),
        lambda: engine.Cell(a).set(*data.draw(junk)),
        lambda: engine.run(data.draw(st.sampled_from([-1, *_ELEMENTWISE])), *(data.draw(_JUNK) for _ in range(4))),
        lambda: engine.Program(*data.draw(junk)),
        lambda: engine.Program(*(data.draw(_JUNK) for _ in range(7))),
        lambda: engine.set_num_threads(*data.draw(st.lists(_JUNK.filter(lambda x: x not in (1, 2, 3)), max_size=2))),
    ]
    call = data.draw(st.sampled_from(calls))
    try:
        call()
    except _ERRORS as error:
        assert str(error)


_INT = st.integers(-2, 8) | st.sampled_from([64, 128, 2**31, 2**62, 2**63 - 1])
_SHAPE = st.lists(st.integers(-1, 4), max_size=3)
_SLOTS = st.lists(st.tuples(st.integers(-1, 5), _INT, st.sampled_from([F32, F32, I32, 13]), _SHAPE), max_size=5)
_INSTRUCTIONS = st.lists(
    st.tuples(
        st.sampled_from([-1, *_ELEMENTWISE]),
        st.lists(st.integers(-1, 4), max_size=3),
        st.lists(st.integers(-1, 4), max_size=2),
        st.lists(_INT, max_size=14),
        st.just(()),
    ),
    max_size=3,
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    _SLOTS,
    _INSTRUCTIONS,
    st.lists(st.tuples(_INT, _INT), max_size=2),
    st.lists(st.integers(-1, 4), max_size=3),
    st.sampled_from([-1, 0, 64, 4096, 2**62]),
)
def test_random_programs_raise_or_run(slots, instructions, writes, outputs, arena):
    constants, cells = [array(1), array([1, 2])], [engine.Cell(array([1, 2]))]
    try:
        program = engine.Program(slots, constants, cells, instructions, writes, outputs, arena)
        inputs = {ref: shape for kind, ref, _, shape in slots if kind == 0}
        program.run([array(np.ones(inputs.get(i, ()))) for i in range(max(inputs, default=-1) + 1)])
    except _ERRORS as error:
        assert str(error)


# ---- cells and programs


def test_cell_writes_do_not_reach_readers():
    first = array([1, 2])
    cell = engine.Cell(first)
    program = counter(cell)
    seen = cell.get()
    program.run([array([10, 10])])
    assert cell.get().numpy().tolist() == [11, 12]
    assert seen.numpy().tolist() == first.numpy().tolist() == [1, 2]
    held = cell.get().numpy()
    program.run([array([10, 10])])
    assert held.tolist() == [11, 12]
    assert cell.get().numpy().tolist() == [21, 22]
    with pytest.raises(ValueError, match=r"expected float32\[2\], got float32\[3\]"):
        cell.set(array([1, 2, 3]))


def test_cell_never_writes_into_numpy_memory():
    values = np.array([1, 2], "float32")
    cell = engine.Cell(engine.Array.from_numpy(values))
    counter(cell).run([array([5, 5])])
    assert values.tolist() == [1, 2]
    assert cell.get().numpy().tolist() == [6, 7]


def test_program_checks_its_inputs():
    program = counter(engine.Cell(array([1, 2])))
    for wrong in ([], [array([1, 2, 3])], [array([1, 2], "int32")], [array([1, 2])] * 2):
        with pytest.raises(ValueError, match="input"):
            program.run(wrong)
    for wrong in (None, [None], [np.zeros(2)], 3):
        with pytest.raises(TypeError):
            program.run(wrong)


def test_fault_stops_a_program_before_its_update():
    cell = engine.Cell(array([0, 0]))
    extra = [(0, 1, I32, (2,)), (4, 0, F32, (2,))]
    program = counter(cell, extra, [(OPS["gather"], (0, 2), (3,), (0, 0), ())], (3,))
    with pytest.raises(engine.Fault, match="gather"):
        program.run([array([1, 1]), array([0, 9], "int32")])
    assert cell.get().numpy().tolist() == [0, 0]
    assert program.run([array([1, 1]), array([0, -1], "int32")])[0].numpy().tolist() == [1, 1]
    assert cell.get().numpy().tolist() == [1, 1]


def test_profile_names_each_instruction():
    times = counter(engine.Cell(array([1, 2]))).profile([array([1, 2])])
    assert [name for name, _ in times] == ["add"]
    assert all(microseconds >= 0 for _, microseconds in times)


def test_one_program_in_many_threads():
    cell = engine.Cell(array([0] * 8))
    program = counter(cell, outputs=(1,))
    one, wrong = array([1] * 8), []

    def work():
        for _ in range(500):
            values = program.run([one])[0].numpy()
            if len(set(values.tolist())) != 1:
                wrong.append(values)
            cell.get()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cell.get().numpy().tolist() == [2000] * 8


def _structured():
    return [(i, row) for i, row in enumerate(engine.op_table()) if row["kind"] != "elementwise"]


@pytest.mark.parametrize("op, row", _structured(), ids=[row["name"] for _, row in _structured()])
def test_wrong_numbers_of_operands_and_attributes_are_errors(op, row):
    x = array(np.ones((2, 3, 4)))
    out = ((2, 3, 4), x.dtype)
    for n_in, n_out, ints, floats in [(0, 0, 0, 0), (0, 1, 0, 0), (1, 0, 3, 0)]:
        with pytest.raises(ValueError, match=f"^{row['name']}: takes"):
            engine.run(op, (x,) * n_in, (out,) * n_out, (1,) * ints, (1.0,) * floats)
        slots = [(0, i, x.dtype, (2, 3, 4)) for i in range(n_in)] + [(4, 0, x.dtype, (2, 3, 4))] * n_out
        places = list(range(n_in)), list(range(n_in, n_in + n_out))
        with pytest.raises(ValueError, match=f"^{row['name']}: takes"):
            engine.Program(slots, [], [], [(op, *places, (1,) * ints, (1.0,) * floats)], [], [], 0)


@pytest.mark.parametrize(
    "name, inputs, ints, floats",
    [
        ("matmul", 2, 4, 0),
        ("conv", 2, 7, 0),
        ("conv_grad_filter", 2, 7, 0),
        ("max_pool", 1, 4, 0),
        ("reduce_sum", 1, 3, 0),
        ("argmax", 1, 1, 0),
        ("softmax", 1, 1, 0),
        ("softmax_cross_entropy", 2, 1, 0),
        ("random_uniform", 1, 0, 2),
        ("dropout", 2, 0, 1),
        ("gather", 2, 2, 0),
        ("scatter", 3, 1, 0),
        ("transpose", 1, 3, 0),
        ("concatenate", 2, 1, 0),
        ("slice", 1, 6, 0),
        ("pad", 2, 9, 0),
        ("lstm", 6, 3, 0),
        ("gru_grad", 7, 5, 0),
    ],
)
def test_attributes_too_few_or_too_many(name, inputs, ints, floats):
    op = next(i for i, row in _structured() if row["name"] == name)
    x = array(np.ones((2, 3, 4)))
    out = ((2, 3, 4), x.dtype)
    for more in (-1, 1):
        for kind, n in (("integer attributes", ints), ("real attributes", floats)):
            if n + more < 0:
                continue
            given = {"integer attributes": ints, "real attributes": floats, kind: n + more}
            with pytest.raises(ValueError, match=f"^{name}: takes {n} {kind}, got {n + more}"):
                engine.run(
                    op, (x,) * inputs, (out,), (0,) * given["integer attributes"], (1.0,) * given["real attributes"]
                )


def test_a_flag_for_an_operand_that_is_not_there():
    op = next(i for i, row in _structured() if row["name"] == "lstm")
    x = array(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="lstm: takes 7 inputs as its attributes say, got 6"):
        engine.run(op, (x,) * 6, (((2, 3, 4), x.dtype),) * 5, (0, 1, 0), ())


def test_run_steps():
    cell = engine.Cell(array([[0], [0]]))
    program = counter(cell, outputs=(0,))
    data = array([[1], [2], [3], [4], [5]])
    order = array([4, 0, 1, 2, 3], "int64")
    done, (last,) = program.run_steps([data], order, 2, 0, 2, 1e9)
    assert (done, last.numpy().tolist()) == (2, [[2], [3]])
    assert cell.get().numpy().tolist() == [[7], [4]]
    assert program.run_steps([data], order, 2, 1, 1, 0.0)[0] == 1
    assert program.run_steps([data], order, 2, 0, 2, 0.0)[0] == 1
    assert program.run_steps([data], order, 2, 0, 0, 1e9) == (0, [])
    assert program.run_steps([data], np.array([1, 0]), 2, 0, 1, 1e9)[0] == 1
    before = cell.get()
    for error, arguments in [
        (ValueError, ([data], order, 2, 0, 3, 1e9)),
        (ValueError, ([data], order, 2, -1, 1, 1e9)),
        (ValueError, ([data], order, 0, 0, 1, 1e9)),
        (ValueError, ([data], order, 3, 0, 1, 1e9)),
        (ValueError, ([data, data], order, 2, 0, 1, 1e9)),
        (ValueError, ([array(1)], order, 2, 0, 1, 1e9)),
        (ValueError, ([data], array([0, 5], "int64"), 2, 0, 1, 1e9)),
        (ValueError, ([data], array([0, -1], "int64"), 2, 0, 1, 1e9)),
        (ValueError, ([data], array([0, 1], "int32"), 2, 0, 1, 1e9)),
        (TypeError, ([data], [0, 1], 2, 0, 1, 1e9)),
        (TypeError, ([data], order, 2, 0, 1, "x")),
    ]:
        with pytest.raises(error):
            program.run_steps(*arguments)
    assert cell.get().numpy().tolist() == before.numpy().tolist()


def test_run_steps_results_do_not_change_later():
    cell = engine.Cell(array([[0], [0]]))
    program = counter(cell, outputs=(0,))
    data, order = array([[1], [2], [3], [4]]), array([3, 0, 2, 1], "int64")
    last = program.run_steps([data], order, 2, 0, 1, 1e9)[1][0]
    program.run_steps([data], order, 2, 1, 1, 1e9)
    assert last.numpy().tolist() == [[4], [1]]


def test_a_signal_stops_run_steps():
    cell = engine.Cell(array([[0]]))
    program = counter(cell)
    steps = 50_000_000
    order = engine.Array.from_numpy(np.zeros(steps, "int64"))
    timer = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        program.run_steps([array([[1]])], order, 1, 0, steps, 1e9)
    timer.join()
    assert 0 < cell.get().numpy()[0, 0] < steps
    program.run([array([[1]])])  # lives on


# ---- the process


def _python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=300
    )


def test_isa_and_threads_from_the_environment():
    show = "from ckeras import _engine as e; print(e.isa(), e.num_threads())"
    assert _python(show, CKERAS_ISA="reference", CKERAS_NUM_THREADS="3").stdout.split() == ["reference", "3"]
    for name, value in (("CKERAS_ISA", "mmx"), ("CKERAS_NUM_THREADS", "many")):
        result = _python(show, **{name: value})
        assert result.returncode == 1
        assert value in result.stderr


def test_set_num_threads():
    before = engine.num_threads()
    engine.set_num_threads(3)
    assert engine.num_threads() == 3
    engine.set_num_threads(before)
    for wrong in (0, -1, 10**9):
        with pytest.raises(ValueError, match="from 1 to"):
            engine.set_num_threads(wrong)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_survives_fork():
    result = _python(
        "import os, numpy as np\n"
        "from ckeras import _engine as e\n"
        "op = [row['name'] for row in e.op_table()].index('add')\n"
        "a = e.Array.from_numpy(np.ones(1000000, 'float32'))\n"
        "run = lambda: e.run(op, (a, a), (((1000000,), a.dtype),), (), ())[0].numpy().sum()\n"
        "assert run() == 2000000\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(0 if run() == 2000000 else 1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and run() == 2000000\n"
    )
    assert result.returncode == 0, result.stderr


def test_run_writes_into_an_array_that_is_given():
    x, y = np.arange(6, dtype="float32").reshape(2, 3), np.empty((2, 3), "float32")
    op = [row["name"] for row in engine.op_table()].index("softmax")
    (got,) = engine.run(op, (engine.Array.from_numpy(x),), (engine.Array.from_numpy(y),), (1,), ())
    np.testing.assert_array_equal(got.numpy(), y)
    np.testing.assert_allclose(y, np.exp(x) / np.exp(x).sum(1, keepdims=True), rtol=1e-6)
    got.numpy(None, True)[0, 0] = 7
    assert y[0, 0] == 7
    with pytest.raises(ValueError, match="read-only"):
        got.numpy()[0, 0] = 7
