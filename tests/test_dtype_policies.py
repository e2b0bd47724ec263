"""Dtype policies: names, quantized policies, maps of policies by path."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import dtype_policies, layers

P = dtype_policies
NAMED = [  # name, class, compute dtype, variable dtype, quantization mode
    ("bfloat16", P.DTypePolicy, "bfloat16", "bfloat16", None),
    ("mixed_float16", P.DTypePolicy, "float16", "float32", None),
    ("int8_from_float32", P.QuantizedDTypePolicy, "float32", "float32", "int8"),
    ("int8_from_mixed_bfloat16", P.QuantizedDTypePolicy, "bfloat16", "float32", "int8"),
    ("int4_from_float32", P.QuantizedDTypePolicy, "float32", "float32", "int4"),
    ("int4/64_from_bfloat16", P.Int4DTypePolicy, "bfloat16", "bfloat16", "int4"),
    ("float8_from_mixed_bfloat16", P.QuantizedFloat8DTypePolicy, "bfloat16", "float32", "float8"),
    ("gptq/4/128_from_float32", P.GPTQDTypePolicy, "float32", "float32", "gptq"),
    ("awq/4/-1_from_mixed_float16", P.AWQDTypePolicy, "float16", "float32", "awq"),
]


@pytest.mark.parametrize(("name", "cls", "compute", "variable", "mode"), NAMED, ids=[row[0] for row in NAMED])
def test_names_and_configs(name, cls, compute, variable, mode):
    policy = P.get(name)
    assert type(policy) is cls and policy.name == name
    assert (policy.compute_dtype, policy.variable_dtype, policy.quantization_mode) == (compute, variable, mode)
    config = P.serialize(policy)
    assert config["module"] == ("keras" if mode is None else "keras.dtype_policies")
    again = P.deserialize(config)
    assert type(again) is cls and again == policy and hash(again) == hash(policy)
    assert policy != P.get("float16")
    if mode is not None:
        with pytest.raises(NotImplementedError, match=name):
            layers.Dense(2, dtype=name)


def test_numbers_of_modes():
    p = P.GPTQDTypePolicy("gptq/3/32")
    assert (p.weight_bits, p.group_size, p.mode, p.name) == (3, 32, "gptq", "gptq/3/32_from_float32")
    assert P.Int4DTypePolicy("int4/-1").block_size == -1
    assert P.QuantizedFloat8DTypePolicy("float8").amax_history_length == 1024
    short = P.QuantizedFloat8DTypePolicy("float8", "float32", 8)
    assert short.amax_history_length == 8 and short.get_config()["amax_history_length"] == 8
    assert short != P.get("float8_from_float32")
    assert P.FloatDTypePolicy("float32") == P.DTypePolicy()


WRONG = {
    "mode": (lambda: P.QuantizedDTypePolicy("int9"), ValueError, "int9"),
    "mode none": (lambda: P.QuantizedDTypePolicy(None), ValueError, "None"),
    "grouped mode": (lambda: P.QuantizedDTypePolicy("int4/64"), ValueError, "int4/64"),
    "no source": (lambda: P.get("int8"), ValueError, "int8"),
    "source": (lambda: P.get("int8_from_foo"), ValueError, "foo"),
    "unknown": (lambda: P.get("foo_from_float32"), ValueError, "foo_from_float32"),
    "twice": (lambda: P.QuantizedDTypePolicy("int8", "int8_from_float32"), ValueError, "int8_from_float32"),
    "float16": (lambda: P.get("int8_from_mixed_float16"), ValueError, "float16"),
    "length": (lambda: P.QuantizedFloat8DTypePolicy("float8", None, "x"), TypeError, "amax_history_length"),
    "block": (lambda: P.Int4DTypePolicy("int4/0"), ValueError, "block_size"),
    "no block": (lambda: P.Int4DTypePolicy("int4"), ValueError, "<block_size>"),
    "text": (lambda: P.Int4DTypePolicy("int4/a"), ValueError, "int4/a"),
    "not text": (lambda: P.Int4DTypePolicy(4), ValueError, "4"),
    "bits": (lambda: P.GPTQDTypePolicy("gptq/5/128"), ValueError, "weight_bits"),
    "awq bits": (lambda: P.get("awq/8/128_from_float32"), ValueError, "weight_bits"),
    "kind": (lambda: P.AWQDTypePolicy("gptq/4/128"), ValueError, "awq/<weight_bits>"),
    "map": (lambda: P.DTypePolicyMap(policy_map=[1]), TypeError, "policy_map"),
    "map value": (lambda: P.DTypePolicyMap(policy_map={"a": "float32"}), TypeError, "'a'"),
    "map of maps": (lambda: P.DTypePolicyMap(P.DTypePolicyMap()), ValueError, "default_policy"),
    "map key": (lambda: P.DTypePolicyMap(policy_map={"(": P.get("float32")}), ValueError, "regular expression"),
}


@pytest.mark.parametrize("make,error,text", WRONG.values(), ids=WRONG)
def test_errors(make, error, text):
    with pytest.raises(error) as e:
        make()
    assert text in str(e.value)


def test_map_by_path():
    m = P.DTypePolicyMap("mixed_float16", {"a/b": P.get("float32")})
    m["a/.*"] = half = P.get("bfloat16")
    assert m["a/b"] == P.get("float32") and m["a/c"] is half
    assert m["x/a/c"] == m.default_policy == P.get("mixed_float16")
    assert (m.name, m.compute_dtype, m.variable_dtype) == ("map_mixed_float16", "float16", "float32")
    assert len(m) == 2 and list(m) == ["a/b", "a/.*"] and "a/b" in m and "a/c" not in m
    again = P.deserialize(P.serialize(m))
    assert again == m and hash(again) == hash(m)
    with pytest.raises(ValueError, match="there already"):
        m["a/b"] = half
    m[".*/c"] = half
    with pytest.raises(ValueError, match="several keys"):
        m["a/c"]
    del m["a/.*"]
    assert m["a/c"] is half and m["a/d"].name == "mixed_float16" and again != m


def test_a_layer_takes_its_policy_from_a_map_by_its_path(tmp_path):
    policies = P.DTypePolicyMap("float32", {"first": P.get("mixed_bfloat16"), "last": P.get("float16")})
    first, other, last = (layers.Dense(2, dtype=policies, name=n) for n in ("first", "other", "last"))
    assert first.compute_dtype == "float32"
    x = np.ones((2, 3), "float32")
    assert [layer(x).dtype for layer in (first, other, last)] == ["bfloat16", "float32", "float16"]
    assert [layer.kernel.dtype for layer in (first, other, last)] == ["float32", "float32", "float16"]
    assert [layer.dtype for layer in (first, other, last)] == ["float32", "float32", "float16"]
    assert first.dtype_policy is policies
    again = layers.Dense.from_config(first.get_config())
    assert again.dtype_policy == policies and again(x).dtype == "bfloat16"
    policies["(.*/)?inner"] = P.get("mixed_bfloat16")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype=policies, name="inner")])
    path = str(tmp_path / "m.keras")
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.layers[0].dtype_policy == policies
    assert loaded.layers[0].compute_dtype == "bfloat16"
    np.testing.assert_array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))


def test_bfloat16_trains_with_float32_weights_and_slots():
    x = np.random.default_rng(0).normal(size=(256, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
        model = keras.Sequential([keras.Input((3,)), layers.Dense(8, activation="gelu"), layers.Dense(1)])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.compile(keras.optimizers.AdamW(0.02), "mse")
    assert type(model.optimizer) is keras.optimizers.AdamW
    history = model.fit(x, y, epochs=12, batch_size=32, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]
    assert {v.dtype for v in [*model.weights, *model.optimizer.variables[2:]]} == {"float32"}
    assert str(model.predict(x[:2], verbose=0).dtype) == "bfloat16"
