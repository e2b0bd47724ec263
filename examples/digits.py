"""Train a small convnet on 1,797 real handwritten digits, save it, load it, predict.

The images are 8x8 pixels with 16 grey levels: the UCI "Optical Recognition of Handwritten Digits" set in the copy that
scikit-learn carries (`pip install "ckeras[examples]"`). No network is needed.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import ckeras as keras
from ckeras import layers


def load_data(seed=0):
    """Returns ((x_train, y_train), (x_test, y_test)); images are float32 in [0, 1], shaped (n, 8, 8, 1)."""
    digits = load_digits()
    images = (digits.images / 16.0).astype("float32")[..., None]
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order], digits.target[order]
    return (images[:1500], labels[:1500]), (images[1500:], labels[1500:])


def build_model():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main():
    keras.utils.set_random_seed(7)
    (x_train, y_train), (x_test, y_test) = load_data()

    model = build_model()
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    start = time.perf_counter()
    model.fit(x_train, y_train, batch_size=32, epochs=15, validation_split=0.1)
    seconds = time.perf_counter() - start
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        kilobytes = path.stat().st_size / 1e3

    probabilities = loaded.predict(x_test[:8], verbose=0)
    same = np.array_equal(probabilities, model.predict(x_test[:8], verbose=0))
    print(f"saved and loaded: {kilobytes:.0f} kB, predictions {'equal' if same else 'DIFFER'}")
    print("predicted", probabilities.argmax(-1).tolist(), "true", y_test[:8].tolist())
    print(f"trained in {seconds:.2f} s")
    print(f"test accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
