"""Recommend films: learn what users like from the ratings they gave, by factors of users and films.

The ratings are made from a seed: 400 users and 300 films have hidden tastes of 4 factors, and each user has rated 40
films with some noise. The model sees neither the tastes nor the noise level.
"""

import numpy as np

import ckeras as keras
from ckeras import layers, ops

USERS, FILMS, FACTORS, NOISE = 400, 300, 4, 0.25


def load_data(seed=0):
    """Returns ((ids, ratings) to train, the same to test); ids are int32 (n, 2): user, film; ratings about 1 to 5."""
    rng = np.random.default_rng(seed)
    users, films = rng.normal(size=(USERS, FACTORS)), rng.normal(size=(FILMS, FACTORS))
    ids = np.array([(u, f) for u in range(USERS) for f in rng.choice(FILMS, 40, replace=False)], "int32")
    liking = (users[ids[:, 0]] * films[ids[:, 1]]).sum(-1) / np.sqrt(FACTORS)
    ratings = (3 + liking + NOISE * rng.normal(size=len(ids))).astype("float32")
    order = rng.permutation(len(ids))
    train, test = order[:14_000], order[14_000:]
    return (ids[train], ratings[train]), (ids[test], ratings[test])


def build_model(mean):
    ids = keras.Input((2,), dtype="int32", name="user_and_film")
    user, film = ids[:, 0], ids[:, 1]
    decay = keras.regularizers.L2(1e-6)
    tastes = layers.Embedding(USERS, 8, embeddings_regularizer=decay, name="tastes")(user)
    traits = layers.Embedding(FILMS, 8, embeddings_regularizer=decay, name="traits")(film)
    bias = layers.Embedding(USERS, 1, name="user_bias")(user) + layers.Embedding(FILMS, 1, name="film_bias")(film)
    return keras.Model(ids, mean + layers.Dot(axes=1)([tastes, traits]) + bias)


def main():
    keras.utils.set_random_seed(3)
    (x_train, y_train), (x_test, y_test) = load_data()

    model = build_model(float(y_train.mean()))
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    model.fit(x_train, y_train, batch_size=256, epochs=40, validation_split=0.1, verbose=2)

    error = float(ops.sqrt(model.evaluate(x_test, y_test, verbose=0)))
    print(f"root mean squared error of always the mean {y_test.std():.3f}, of the noise alone {NOISE}")
    unseen = np.stack([np.full(FILMS, 7), np.arange(FILMS)], -1).astype("int32")
    best = model.predict(unseen, verbose=0)[:, 0].argsort()[::-1][:5]
    print("films for user 7:", best.tolist())
    print(f"test error {error:.3f}")
    return error


if __name__ == "__main__":
    main()
