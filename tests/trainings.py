"""Whole trainings whose losses Keras 3 and ckeras must agree on, written for either of them.

`KERAS_BACKEND=jax python tests/trainings.py > tests/golden/trainings.json`, where Keras is installed, makes the file
that `test_trainings.py` compares with.
"""

import json

import numpy as np

_rng = np.random.default_rng(7)
ROWS = _rng.normal(size=(40, 6)).astype("float32")
IMAGES = _rng.normal(size=(24, 8, 8, 2)).astype("float32")
STEPS = _rng.normal(size=(24, 5, 3)).astype("float32")
WORDS = _rng.integers(0, 9, (24, 7))
WORDS[:, 0] = 1
CLASSES = _rng.integers(0, 3, 40)
BITS = _rng.integers(0, 2, (40, 1)).astype("float32")
REAL = _rng.normal(size=(40, 2)).astype("float32")
WEIGHTS = _rng.uniform(0.2, 2, 40).astype("float32")
SPARSE = "sparse_categorical_crossentropy"


def _start(model):
    """The same weights in both packages."""
    rng = np.random.default_rng(1)
    for v in model.trainable_variables:
        if not v.path.endswith("gamma"):
            v.assign(rng.normal(size=v.shape).astype("float32") * 0.4)
    return model


def _perceptron(keras, **first):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", **first),
            layers.BatchNormalization(momentum=0.8),
            layers.Dropout(0.0),
            layers.Dense(5, activation="gelu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def _fit(model, x, y, epochs=3, batch_size=8, **more):
    history = model.fit(x, y, epochs=epochs, batch_size=batch_size, shuffle=False, verbose=0, **more).history
    outputs = model.predict(x, verbose=0)
    outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
    outputs = outputs if isinstance(outputs, list) else [outputs]
    history["evaluate"] = model.evaluate(x, y, verbose=0, return_dict=True)
    history["outputs"] = [np.asarray(o, "float32").ravel()[:12].tolist() for o in outputs]
    return history


def perceptron_with_sample_weights(keras):
    m = _start(_perceptron(keras))
    m.compile(keras.optimizers.Adam(0.02, clipnorm=0.5), SPARSE, metrics=["accuracy"], weighted_metrics=["accuracy"])
    return _fit(m, ROWS, CLASSES, sample_weight=WEIGHTS)


def perceptron_with_class_weights(keras):
    m = _start(_perceptron(keras, kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(1.0)))
    m.compile(keras.optimizers.RMSprop(0.01, momentum=0.5), SPARSE, metrics=["accuracy"])
    return _fit(m, ROWS, CLASSES, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, validation_split=0.2)


def accumulated_gradients_and_averaged_weights(keras):
    m = _start(_perceptron(keras))
    m.compile(keras.optimizers.Adam(0.05, gradient_accumulation_steps=3, use_ema=True, ema_momentum=0.7), SPARSE)
    return _fit(m, ROWS, CLASSES, epochs=4)


def averages_that_overwrite(keras):
    m = _start(_perceptron(keras))
    m.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=4), SPARSE)
    return _fit(m, ROWS, CLASSES)


def convnet_on_a_schedule(keras):
    layers = keras.layers
    m = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(5, 3, activation="elu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.8, staircase=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    _start(m).compile(keras.optimizers.SGD(rate, momentum=0.9, nesterov=True), loss, metrics=["accuracy"])
    return _fit(m, IMAGES, CLASSES[:24])


def autoencoder(keras):
    layers = keras.layers
    x = keras.Input((8, 8, 2))
    h = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    h = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(h)
    h = layers.GroupNormalization(groups=4)(layers.AveragePooling2D(1)(h))
    h = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="tanh")(h)
    m = keras.Model(x, layers.Conv2D(2, 1)(layers.LeakyReLU()(h)))
    _start(m).compile(keras.optimizers.Adamax(0.02, clipvalue=0.05), keras.losses.Huber(0.5), metrics=["mae"])
    return _fit(m, IMAGES, IMAGES)


def recurrent_with_masks(keras):
    layers = keras.layers
    x = keras.Input((7,), dtype="int32")
    h = layers.Embedding(9, 4, mask_zero=True)(x)
    h = layers.LSTM(4, return_sequences=True)(h)
    h = layers.Bidirectional(layers.GRU(3))(h)
    m = keras.Model(x, layers.Dense(1, activation="sigmoid")(h))
    _start(m).compile(keras.optimizers.Nadam(0.02), "binary_crossentropy", metrics=["accuracy", "auc"])
    return _fit(m, WORDS, BITS[:24])


def sequences(keras):
    layers = keras.layers
    x = keras.Input((5, 3))
    h = layers.Conv1D(4, 2, padding="causal", activation="relu")(x)
    h = layers.SimpleRNN(4, return_sequences=True)(h)
    m = keras.Model(x, layers.TimeDistributed(layers.Dense(3))(h))
    _start(m).compile(keras.optimizers.Lion(0.005, weight_decay=0.1), "log_cosh")
    return _fit(m, STEPS, STEPS[:, ::-1])


def transformer(keras):
    layers = keras.layers
    x = keras.Input((7,), dtype="int32")
    h = layers.Embedding(9, 6)(x) + layers.Embedding(7, 6)(keras.ops.zeros_like(x) + keras.ops.arange(7))
    h = layers.LayerNormalization()(h + layers.MultiHeadAttention(2, 3)(h, h, use_causal_mask=True))
    f = layers.Dense(6)(layers.Dense(10, activation="gelu")(h))
    h = layers.LayerNormalization()(h + f)
    m = keras.Model(x, layers.Dense(9)(h))
    rate = keras.optimizers.schedules.CosineDecay(0.0, 12, alpha=0.1, warmup_target=0.02, warmup_steps=3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    _start(m).compile(keras.optimizers.AdamW(rate, weight_decay=0.05, global_clipnorm=0.8), loss)
    return _fit(m, WORDS, np.roll(WORDS, -1, 1))


def many_outputs(keras):
    layers = keras.layers
    a, b = keras.Input((6,), name="row"), keras.Input((6,), name="other")
    shared = layers.Dense(5, activation="swish")
    h = layers.Concatenate()([shared(a), shared(b), layers.Multiply()([a, b])])
    kind = layers.Dense(3, activation="softmax", name="kind")(h)
    value = layers.Dense(2, name="value")(h)
    m = _start(keras.Model({"row": a, "other": b}, {"kind": kind, "value": value}))
    m.compile(
        keras.optimizers.Adagrad(0.1),
        {"kind": SPARSE, "value": "mse"},
        loss_weights={"kind": 0.3, "value": 1.7},
        metrics={"kind": ["accuracy"], "value": ["mae"]},
    )
    x, y = {"row": ROWS, "other": ROWS[::-1].copy()}, {"kind": CLASSES, "value": REAL}
    return _fit(m, x, y, sample_weight={"kind": WEIGHTS, "value": WEIGHTS[::-1].copy()})


def losses_and_metrics_of_its_own(keras):
    class Penalised(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)

        def call(self, x):
            h = self.first(x)
            self.add_loss(0.1 * keras.ops.mean(keras.ops.square(h)))
            return self.last(h)

    m = Penalised()
    m(ROWS[:2])
    _start(m).compile(keras.optimizers.Adafactor(0.1), "mse", metrics=["r2_score", "cosine_similarity"])
    return _fit(m, ROWS, REAL)


def half_precision(keras):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        m = _start(_perceptron(keras))
    finally:
        keras.config.set_dtype_policy(before)
    m.compile(keras.optimizers.SGD(0.05, momentum=0.5), SPARSE)
    return _fit(m, ROWS, CLASSES)


CASES = [
    perceptron_with_sample_weights,
    perceptron_with_class_weights,
    accumulated_gradients_and_averaged_weights,
    averages_that_overwrite,
    convnet_on_a_schedule,
    autoencoder,
    recurrent_with_masks,
    sequences,
    transformer,
    many_outputs,
    losses_and_metrics_of_its_own,
    half_precision,
]

if __name__ == "__main__":
    import keras

    print(json.dumps({case.__name__: case(keras) for case in CASES}, indent=1, default=float))
