"""Transfer learning: features learnt on the digits 0 to 4 tell 5 to 9 apart from 20 examples of each.

Data: the digits that scikit-learn carries.
"""

import numpy as np
from sklearn.datasets import load_digits

import ckeras as keras
from ckeras import layers


def load_data(seed=0):
    """Returns (images, labels), shuffled: float32 (1797, 8, 8, 1) in [0, 1] and int64 (1797,)."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.images))
    return (digits.images[order] / 16).astype("float32")[..., None], digits.target[order]


def build_features():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
        ],
        name="features",
    )


def train(model, x, y, epochs, rate):
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=2)


def main():
    keras.utils.set_random_seed(6)
    images, labels = load_data()
    low, high = labels < 5, labels >= 5

    features = build_features()
    first = keras.Sequential([features, layers.Dense(5, activation="softmax")])
    train(first, images[low], labels[low], epochs=8, rate=1e-3)

    few = np.concatenate([np.flatnonzero(labels == digit)[:20] for digit in range(5, 10)])
    rest = np.setdiff1d(np.flatnonzero(high), few)
    features.trainable = False
    second = keras.Sequential([features, layers.Dense(5, activation="softmax")])
    train(second, images[few], labels[few] - 5, epochs=60, rate=1e-2)

    features.trainable = True  # fine-tuning: compile again, with a small step
    train(second, images[few], labels[few] - 5, epochs=10, rate=2e-4)

    _, accuracy = second.evaluate(images[rest], labels[rest] - 5, verbose=0)
    print(f"trained on {len(few)} images of 5 to 9, tested on {len(rest)}")
    print(f"test accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
