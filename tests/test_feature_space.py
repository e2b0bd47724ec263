"""FeatureSpace: every kind of feature, crosses, models and files."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers

FS = keras.utils.FeatureSpace
TABLE = {
    "size": [1.0, 2.0, 3.0, 6.0],
    "town": ["Oslo", "Rome", "Rome", "Bern"],
    "rooms": [3, 1, 3, 7],
}


def space(kinds, **kwargs):
    found = FS(kinds, **kwargs)
    found.adapt({name: TABLE[name] for name in kinds})
    return found


def encode(kinds, **kwargs):
    return space(kinds, **kwargs)({name: TABLE[name] for name in kinds}).numpy()


X = np.array(TABLE["size"], "float32")[:, None]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("float", X),
        (FS.float(), X),
        ("float_rescaled", X),
        (FS.float_rescaled(scale=2.0, offset=1.0), 2 * X + 1),
        ("float_normalized", (X - X.mean()) / X.std()),
        (FS.float_discretized(9, bin_boundaries=[1.5, 4.0]), np.eye(3)[[0, 1, 1, 2]]),
    ],
)
def test_numbers(kind, expected):
    np.testing.assert_allclose(encode({"size": kind}), expected, rtol=1e-5)


def test_bins_are_learnt():
    by_name = encode({"size": "float_discretized"}, num_discretization_bins=3)
    assert by_name.shape == (4, 3) and by_name.sum() == 4 and by_name[0].argmax() < by_name[3].argmax()
    assert encode({"size": FS.float_discretized(2)}).shape == (4, 2)
    whole = space({"size": FS.float_discretized(2, output_mode="int")}, output_mode="dict")({"size": TABLE["size"]})
    assert sorted(set(whole["size"].numpy()[:, 0].tolist())) == [0, 1]


@pytest.mark.parametrize(("column", "kind"), [("town", "string_categorical"), ("rooms", "integer_categorical")])
def test_categories(column, kind):
    found = encode({column: kind})
    assert found.shape == (4, 4) and (found.sum(1) == 1).all() and not found[:, 0].any()  # 0: unknown
    assert len({tuple(row) for row in found}) == 3
    values = TABLE[column]
    assert all((tuple(found[i]) == tuple(found[j])) == (values[i] == values[j]) for i in range(4) for j in range(4))
    make = getattr(FS, kind)
    assert encode({column: make(num_oov_indices=2)}).shape == (4, 5)
    assert encode({column: make(max_tokens=3)}).shape == (4, 3)
    known = space({column: kind})
    assert known({column: ["Paris"] if column == "town" else [99]}).numpy()[0].tolist() == [1, 0, 0, 0]
    closed = space({column: make(num_oov_indices=0)})
    assert closed.get_encoded_features().shape == (None, 3)
    with pytest.raises(ValueError, match="not in the vocabulary"):
        closed({column: ["Paris"] if column == "town" else [99]})


@pytest.mark.parametrize(("column", "kind"), [("town", "string_hashed"), ("rooms", "integer_hashed")])
def test_hashes(column, kind):
    by_name = FS({column: kind}, hashing_dim=5)({column: TABLE[column]}).numpy()
    assert by_name.shape == (4, 5)
    places = layers.Hashing(5)(np.array(TABLE[column])).numpy()
    np.testing.assert_array_equal(by_name.argmax(1), places)
    whole = FS({column: getattr(FS, kind)(5, output_mode="int")}, output_mode="dict")({column: TABLE[column]})
    np.testing.assert_array_equal(whole[column].numpy()[:, 0], places)


def test_crosses():
    kinds = {"town": "string_categorical", "rooms": "integer_categorical"}
    both = encode(kinds, crosses=[("town", "rooms")], crossing_dim=16)
    assert both.shape == (4, 4 + 4 + 16)
    crossed = both[:, 8:]
    assert (crossed.sum(1) == 1).all() and not np.array_equal(crossed[1], crossed[2])
    as_dict = space(kinds, crosses=[FS.cross(("town", "rooms"), 16, output_mode="int")], output_mode="dict")(
        {name: TABLE[name] for name in kinds}
    )
    np.testing.assert_array_equal(as_dict["town_X_rooms"].numpy()[:, 0], crossed.argmax(1))
    assert sorted(as_dict) == ["rooms", "town", "town_X_rooms"]


def test_a_layer_of_your_own():
    text = FS.feature("string", layers.TextVectorization(output_mode="multi_hot"), "float")
    found = encode({"town": text, "size": "float"})
    assert found.shape == (4, 1 + 4)
    given = FS({"town": FS.feature("string", layers.StringLookup(vocabulary=["Rome"]), "one_hot")})
    assert given({"town": ["Rome", "Oslo"]}).numpy().tolist() == [[0, 1], [1, 0]]  # nothing to learn


KINDS = {"size": "float_normalized", "town": "string_categorical", "rooms": "integer_categorical"}


def test_order_of_what_is_joined_and_single_rows():
    s = space(KINDS)
    found = s(TABLE).numpy()
    parts = [encode({name: KINDS[name]}) for name in sorted(KINDS)]
    np.testing.assert_allclose(found, np.concatenate(parts, 1), rtol=1e-6)
    one = s({name: column[2] for name, column in TABLE.items()})
    np.testing.assert_array_equal(one.numpy(), found[2])
    named = space(KINDS, output_mode="dict")({name: column[2] for name, column in TABLE.items()})
    assert {name: x.shape for name, x in named.items()} == {"size": (1,), "town": (4,), "rooms": (4,)}


def test_learning_from_batches_is_learning_from_the_whole():
    expected = space(KINDS)(TABLE).numpy()
    rows = [{name: column[i] for name, column in TABLE.items()} for i in range(4)]
    batches = [{name: np.array(column[i : i + 3]) for name, column in TABLE.items()} for i in (0, 3)]
    for data in (rows, batches, iter(batches)):
        s = FS(KINDS)
        s.adapt(data)
        np.testing.assert_array_equal(s(TABLE).numpy(), expected)


def test_models():
    s = space(KINDS)
    inputs = s.get_encoded_features()
    m = keras.Model(inputs, layers.Dense(1)(inputs))
    m.compile("sgd", "mse")
    left, _ = keras.utils.split_dataset(
        ({name: np.array(column) for name, column in TABLE.items()}, np.ones(4, "float32")), 3
    )
    m.fit(left.map(lambda x, y: (s(x), y)).batch(2), verbose=0)
    with pytest.raises(ValueError, match=r"\['town', 'rooms'\] are prepared in NumPy"):
        s.get_inputs()
    numbers = space({"size": "float_normalized"})
    whole = keras.Model(numbers.get_inputs(), layers.Dense(1)(numbers.get_encoded_features()))
    assert whole.predict({"size": X}, verbose=0).shape == (4, 1)
    named = space(KINDS, output_mode="dict").get_encoded_features()
    assert {name: t.shape for name, t in named.items()} == {"size": (None, 1), "town": (None, 4), "rooms": (None, 4)}


def test_files(tmp_path):
    s = space(
        {**KINDS, "size": FS.float_discretized(3)},
        crosses=[("town", "rooms")],
        crossing_dim=7,
        hashing_dim=5,
        num_discretization_bins=9,
        name="houses",
    )
    s.save(tmp_path / "s.keras")
    again = keras.saving.load_model(tmp_path / "s.keras")
    assert isinstance(again, FS) and again.get_config() == s.get_config()
    np.testing.assert_array_equal(again(TABLE).numpy(), s(TABLE).numpy())
    normal = space(KINDS)
    normal.save(tmp_path / "n.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "n.keras")(TABLE).numpy(), normal(TABLE).numpy())


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: FS({}), "features must be"),
        (lambda: FS({"a": "floats"}), "kind of feature 'a'"),
        (lambda: FS({"a": "float"}, output_mode="list"), "output_mode"),
        (lambda: FS({"a": FS.float_discretized(3, output_mode="two")}), "output_mode"),
        (lambda: FS({"a": "float"}, crosses=[("a", "b")]), r"name \['b'\]"),
        (lambda: FS({"a": "float", "b": "float"}, crosses=[("a", "b")], crossing_dim=None), "crossing_dim"),
        (lambda: FS(KINDS)(TABLE), "call adapt"),
        (lambda: FS({"a": "float"})([1.0]), "expected a dict"),
        (lambda: FS({"a": "float"})({"b": [1.0]}), r"missing \['a'\], unknown \['b'\]"),
        (lambda: FS(KINDS).adapt([(TABLE, 1)]), "leave the labels out"),
        (lambda: FS(KINDS).adapt(3), "adapt takes"),
        (lambda: FS({"a": FS.string_hashed(3, output_mode="int")})({"a": ["x"]}), "cannot be joined"),
        (lambda: FS({"a": FS.feature("float32", layers.Identity(), "one_hot")})({"a": [1.0]}), "one-hot encoded"),
    ],
)
def test_what_is_refused(run, words):
    with pytest.raises(ValueError, match=words):
        run()
