"""Low-rank adaptation as in Keras: weights, values, gradients, steps of training, configs, and files both ways."""

import numpy as np
import pytest
from beside import MARKS, ckeras, numbers, real

pytestmark = MARKS
CASES = {
    "Dense": ({"units": 3, "activation": "tanh"}, (4,)),
    "EinsumDense": ({"equation": "abc,cde->abde", "output_shape": (None, 3, 2), "bias_axes": "de"}, (5, 4)),
    "Embedding": ({"input_dim": 7, "output_dim": 3}, (5,)),
    "Conv1D": ({"filters": 4, "kernel_size": 3, "padding": "causal"}, (6, 2)),
    "Conv2D": ({"filters": 4, "kernel_size": 3, "groups": 2}, (5, 5, 4)),
    "Conv3D": ({"filters": 2, "kernel_size": 2}, (3, 3, 3, 2)),
}


def pair(name):
    """The layer in a model of each, adapted after it was built, with the same weights."""
    arguments, shape = CASES[name]
    found, rng = [], np.random.default_rng(4)
    for k in (real, ckeras):
        model = k.Sequential([k.Input(shape), getattr(k.layers, name)(**arguments, name="q")])
        model.layers[0].enable_lora(2, lora_alpha=3)
        found.append(model)
    values = [rng.normal(size=w.shape).astype("float32") for w in found[0].weights]
    for model in found:
        model.set_weights(values)
    x = numbers((8, *shape), "int32" if name == "Embedding" else "float32")
    return *found, x


@pytest.mark.parametrize("name", sorted(CASES))
def test_values_and_training(name):
    theirs, ours, x = pair(name)
    assert [(w.path.split("/")[1:], tuple(w.shape), w.dtype, w.trainable) for w in ours.weights] == [
        (w.path.split("/")[1:], tuple(w.shape), w.dtype, w.trainable) for w in theirs.weights
    ]
    np.testing.assert_allclose(ours(x), theirs(x), rtol=2e-5, atol=2e-5)
    a, b = (m.layers[0].get_config() for m in (ours, theirs))
    assert {k: a[k] for k in ("lora_rank", "lora_alpha")} == {k: b[k] for k in ("lora_rank", "lora_alpha")}
    y = np.ones((8, *ours.output_shape[1:]), "float32")
    logs = []
    for k, model in ((real, theirs), (ckeras, ours)):
        model.compile(k.optimizers.Adam(0.01), "mse")
        logs.append(model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(logs[1], logs[0], rtol=1e-4)
    for v, w in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(v, w, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
def test_files_both_ways(name, ending, tmp_path):
    theirs, ours, x = pair(name)
    for k, writer, reader in ((ckeras, theirs, ours), (real, ours, theirs)):
        path, expected = str(tmp_path / f"{k.__name__}.{ending}"), np.asarray(writer(x))
        if ending == "keras":
            writer.save(path)
            reader = k.saving.load_model(path)
            assert reader.layers[0].lora_enabled and len(reader.weights) == len(writer.weights)
        else:
            writer.save_weights(path)
            reader.set_weights([np.zeros(w.shape, "float32") for w in reader.weights])
            reader.load_weights(path)
        np.testing.assert_allclose(reader(x), expected, rtol=2e-5, atol=2e-5)
        if ending == "weights.h5":
            break  # the other way round starts from what was zeroed


@pytest.mark.parametrize("name", sorted(CASES))
def test_errors_of_the_same_type(name):
    arguments, shape = CASES[name]
    weight = "embeddings" if name == "Embedding" else "kernel"

    def twice(k):
        layer = getattr(k.layers, name)(**arguments, lora_rank=2)
        layer.build((None, *shape))
        layer.enable_lora(2)

    def constrained(k):
        layer = getattr(k.layers, name)(**arguments, **{f"{weight}_constraint": "non_neg"})
        layer.build((None, *shape))
        layer.enable_lora(2)

    def negative(k):
        layer = getattr(k.layers, name)(**arguments)
        layer.build((None, *shape))
        layer.enable_lora(-1)

    tried = [
        twice,
        constrained,
        negative,
        lambda k: getattr(k.layers, name)(**arguments).enable_lora(2),
        lambda k: getattr(getattr(k.layers, name)(**arguments), weight),
    ]
    for attempt in tried:
        raised = []
        for k in (real, ckeras):
            with pytest.raises((ValueError, AttributeError)) as e:
                attempt(k)
            raised.append(e.type)
        assert raised[0] is raised[1]


def test_attention_of_adapted_projections(tmp_path):
    q, models = numbers((2, 5, 6)), []
    for k in (real, ckeras):
        i = k.Input((5, 6))
        layer = k.layers.MultiHeadAttention(2, 4, name="a")
        models.append(k.Model(i, layer(i, i)))
        layer.query_dense.enable_lora(2)
        layer.value_dense.enable_lora(2)
    rng = np.random.default_rng(0)
    values = [rng.normal(size=w.shape).astype("float32") for w in models[0].weights]
    for model in models:
        model.set_weights(values)
    np.testing.assert_allclose(models[1](q), models[0](q), rtol=1e-4, atol=1e-4)
    for k, writer in ((ckeras, models[0]), (real, models[1])):
        path = str(tmp_path / f"{k.__name__}.keras")
        writer.save(path)
        again = k.saving.load_model(path)  # the config of attention says nothing of LoRA: the sums are there
        assert len(again.weights) == 8
        np.testing.assert_allclose(again(q), models[0](q), rtol=1e-4, atol=1e-4)
