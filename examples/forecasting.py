"""Forecast the next day of an hourly series from the week before it, and compare with repeating the last day.

The series is made from a seed: a daily and a weekly rhythm, a slow trend, and noise that remembers the hour before.
"""

import numpy as np

import ckeras as keras
from ckeras import layers

PAST, FUTURE = 7 * 24, 24


def load_data(hours=6000, seed=0):
    """Returns the series, float32 (hours,), of mean 0 and variance 1."""
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    noise = np.zeros(hours)
    for i in range(1, hours):
        noise[i] = 0.8 * noise[i - 1] + 0.2 * rng.normal()
    workday = (t // 24 % 7 < 5).astype(float)
    series = (0.5 + workday) * np.sin(2 * np.pi * t / 24) + 0.6 * np.cos(4 * np.pi * t / 24) + t / 4000 + noise
    return ((series - series.mean()) / series.std()).astype("float32")


def windows(series, step):
    """Returns (past, future): float32 (n, PAST, 1) and (n, FUTURE)."""
    starts = np.arange(0, len(series) - PAST - FUTURE + 1, step)
    past = np.stack([series[s : s + PAST] for s in starts])[..., None]
    return past, np.stack([series[s + PAST : s + PAST + FUTURE] for s in starts])


def build_model():
    return keras.Sequential(
        [
            keras.Input((PAST, 1)),
            layers.Reshape((7, 24)),
            layers.LSTM(64),
            layers.Dense(64, activation="relu"),
            layers.Dense(FUTURE),
        ]
    )


def main():
    keras.utils.set_random_seed(2)
    series = load_data()
    x_train, y_train = windows(series[:4800], step=3)
    x_test, y_test = windows(series[4800:], step=3)

    model = build_model()
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
    slower = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=3, min_lr=1e-4)
    model.fit(x_train, y_train, batch_size=64, epochs=40, callbacks=[slower], verbose=2)

    _, error = model.evaluate(x_test, y_test, verbose=0)
    naive = float(np.abs(x_test[:, -FUTURE:, 0] - y_test).mean())
    print(f"mean absolute error of repeating the last day {naive:.3f}")
    print(f"test error {error:.3f}, {error / naive:.2f} of that")
    return error / naive


if __name__ == "__main__":
    main()
