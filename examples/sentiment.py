"""Tell whether a short review is a good one, with a bidirectional LSTM that learns what "not" does to a word.

The reviews are made from a seed by a small grammar: two clauses with a verdict each, either negated or not, and the
last clause decides. Counting words cannot solve it; reading in order can.
"""

import numpy as np

import ckeras as keras
from ckeras import layers

GOOD = ["great", "fine", "lovely", "brilliant", "moving", "funny", "clever", "charming"]
BAD = ["dull", "bad", "awful", "boring", "silly", "weak", "clumsy", "tedious"]
THINGS = ["the film", "the plot", "the music", "the cast", "this story", "every scene"]
LINKS = ["but", "and yet", "although at first I thought otherwise", "still"]
NEGATIONS = ["was", "was not", "was never", "was really", "was hardly", "was surely"]
NEGATES = {"was not", "was never", "was hardly"}


def load_data(count=6000, seed=0):
    """Returns (texts, labels): a list of lower-case sentences and int32 (count,), 1 for a good review."""
    rng = np.random.default_rng(seed)

    def clause(good):
        negation = NEGATIONS[rng.integers(len(NEGATIONS))]
        words = GOOD if good != (negation in NEGATES) else BAD
        return f"{THINGS[rng.integers(len(THINGS))]} {negation} {words[rng.integers(len(words))]}"

    labels = rng.integers(0, 2, count)
    texts = [f"{clause(rng.integers(2))} {LINKS[rng.integers(len(LINKS))]} {clause(label)}".lower() for label in labels]
    return texts, labels.astype("int32")


def encode(texts, length=20):
    """Returns int32 (n, length) of word numbers, 0 where a text is over, and the size of the vocabulary."""
    words = {word: i for i, word in enumerate(sorted({w for t in texts for w in t.split()}), start=1)}
    ids = np.zeros((len(texts), length), "int32")
    for row, text in zip(ids, texts, strict=True):
        numbers = [words[w] for w in text.split()][:length]
        row[: len(numbers)] = numbers
    return ids, len(words) + 1


def build_model(vocabulary):
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(vocabulary, 32, mask_zero=True),
            layers.Bidirectional(layers.LSTM(32)),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def main():
    keras.utils.set_random_seed(5)
    texts, labels = load_data()
    ids, vocabulary = encode(texts)

    model = build_model(vocabulary)
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(ids[:5000], labels[:5000], batch_size=64, epochs=6, validation_split=0.1)

    _, accuracy = model.evaluate(ids[5000:], labels[5000:], verbose=0)
    for text, score in zip(texts[5000:5003], model.predict(ids[5000:5003], verbose=0)[:, 0], strict=True):
        print(f"{score:.2f}  {text}")
    print(f"test accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
