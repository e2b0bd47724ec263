"""Tell benign from malignant tumours by 30 measurements of cell nuclei, with rare malignant cases weighted up.

The data is the Wisconsin breast cancer set (569 patients) in the copy that scikit-learn carries. No network is needed.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

import ckeras as keras
from ckeras import layers


def load_data(seed=0):
    """Returns ((x_train, y_train), (x_test, y_test)); x is float32 (n, 30), y is 1.0 for malignant."""
    data = load_breast_cancer()
    order = np.random.default_rng(seed).permutation(len(data.data))
    x, y = data.data[order].astype("float32"), 1.0 - data.target[order].astype("float32")
    return (x[:430], y[:430]), (x[430:], y[430:])


def build_model(x_train):
    normalize = layers.Normalization()
    normalize.adapt(x_train)
    return keras.Sequential(
        [
            keras.Input((30,)),
            normalize,
            layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
            layers.Dropout(0.3),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def main():
    keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = load_data()

    model = build_model(x_train)
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss="binary_crossentropy",
        metrics=[keras.metrics.AUC(name="auc"), keras.metrics.Recall(name="recall")],
    )
    share = float(y_train.mean())
    model.fit(
        x_train,
        y_train,
        batch_size=32,
        epochs=100,
        validation_split=0.2,
        class_weight={0: 0.5 / (1 - share), 1: 0.5 / share},
        callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=10, restore_best_weights=True)],
        verbose=2,
    )
    result = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    print(f"malignant cases found {result['recall']:.3f}")
    print(f"test AUC {result['auc']:.4f}")
    return result["auc"]


if __name__ == "__main__":
    main()
