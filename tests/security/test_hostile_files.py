"""Loading trusts nothing: hostile and damaged files raise a ValueError, run nothing, and change nothing.

Each file is built here from a good one, whose control load works.
"""

import base64
import json
import marshal
import zipfile

import h5py
import numpy as np
import pytest
from hostile import dense, make_model, pack, refuses, with_config, with_weights

import ckeras as keras
from ckeras import layers

# ---- S01 to S04, S13: configs that name code


def test_yaml_is_not_json():
    with pytest.raises(ValueError):
        keras.models.model_from_json("!!python/object/apply:os.system ['true']")


def marker_lambda(marker):
    code = compile(f"lambda x: open({str(marker)!r}, 'w') and x", "x", "eval").co_consts[0]
    return {
        "class_name": "__lambda__",
        "config": {
            "value": {"code": base64.b64encode(marshal.dumps(code)).decode(), "defaults": None, "closure": None}
        },
    }


@pytest.mark.parametrize("safe_mode", [True, None])
def test_lambdas_are_refused_in_safe_mode(tmp_path, good, safe_mode):
    marker = tmp_path / "marker"
    attack = marker_lambda(marker)
    members = with_config(good, lambda c: dense(c)["config"].update(activation=attack))
    refuses(pack(tmp_path / "a.keras", members), "lambda|safe", safe_mode=safe_mode)
    layer = {**dense(json.loads(good["config.json"]))}
    layer["config"] = {**layer["config"], "activation": attack}
    for call in (keras.saving.deserialize_keras_object, layers.deserialize):
        with pytest.raises(ValueError):
            call(layer)
    with pytest.raises(ValueError):
        keras.models.model_from_json(members["config.json"])
    with pytest.raises(ValueError):
        keras.Sequential.from_config(json.loads(members["config.json"])["config"])
    assert not marker.exists()


TARGETS = [
    ("os", "system"),
    ("builtins", "eval"),
    ("subprocess", "Popen"),
    ("importlib", "import_module"),
    ("planted_module", "Planted"),
    ("ckeras.config", "set_floatx"),
    ("keras.config", "set_floatx"),
    ("keras.config", "enable_unsafe_deserialization"),
    ("keras.utils", "get_file"),
    ("keras.saving", "load_model"),
    ("keras.saving", "register_keras_serializable"),
    ("keras.ops", "add"),
    ("keras.datasets.mnist", "load_data"),
    ("ckeras.saving.saving_api", "load_model"),
    ("keras.layers", "np"),
    ("keras.layers.layer", "importlib"),
    ("keras.layers", "__builtins__"),
]
PLACES = {
    "layer": lambda c, bad: c["config"]["layers"].__setitem__(1, bad),
    "activation": lambda c, bad: dense(c)["config"].update(activation=bad),
    "initializer": lambda c, bad: dense(c)["config"].update(kernel_initializer=bad),
    "optimizer": lambda c, bad: c["compile_config"].update(optimizer=bad),
    "loss": lambda c, bad: c["compile_config"].update(loss=bad),
    "metrics": lambda c, bad: c["compile_config"].update(metrics=[[bad]]),
    "model": lambda c, bad: (c.clear(), c.update(bad)),
}


@pytest.mark.parametrize("place", PLACES)
def test_only_parts_of_models_are_found_by_name(tmp_path, good, place, monkeypatch):
    (tmp_path / "planted_module.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')\nclass Planted: pass")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for module, name in TARGETS:
        for bad in (
            {"module": module, "class_name": name, "config": {"value": "float64"}, "registered_name": None},
            {"module": module, "class_name": name, "config": "float64", "registered_name": name},
            {"module": module, "class_name": "function", "config": name, "registered_name": name},
        ):
            members = with_config(good, lambda c, bad=bad: PLACES[place](c, bad))
            refuses(pack(tmp_path / "a.keras", members))
    assert not (tmp_path / "marker").exists()


def test_a_registered_name_that_nobody_registered_is_no_builtin(tmp_path, good):
    members = with_config(good, lambda c: dense(c).update(registered_name="Pkg>Dense"))
    refuses(pack(tmp_path / "a.keras", members), "Pkg>Dense")


def test_a_class_registered_under_a_builtin_s_name_does_not_replace_it(tmp_path, good):
    class Dense(layers.Layer):
        def get_config(self):
            return super().get_config()

    keras.saving.register_keras_serializable("mine")(Dense)
    try:
        loaded = keras.models.load_model(pack(tmp_path / "a.keras", good))
        assert type(loaded.layers[0]) is layers.Dense
    finally:
        keras.saving.get_custom_objects().pop("mine>Dense")


# ---- S07, S09, R05: weights files


def replaced(name, make):
    def edit(f):
        del f[name]
        make(f, name)

    return edit


def weights_attacks(secret, other, layer="layers/dense", kernel="vars/0", bias="vars/1", owner="vars"):
    """Edits of an open weights file; `kernel`, `bias` and `owner`, whose attributes count, lie in the group `layer`."""
    top = layer.split("/")[0]
    at_kernel, at_bias, at_owner = f"{layer}/{kernel}", f"{layer}/{bias}", f"{layer}/{owner}"

    def external(f, name):
        f.create_dataset(name, (4, 3), "f4", external=[(str(secret), 0, 48)])

    def virtual(f, name):
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[...] = h5py.VirtualSource(str(other), "data", (4, 3))
        f.create_virtual_dataset(name, layout)

    def link(kind):
        return lambda f, name: f.__setitem__(name, kind)

    def big(shape):
        def make(f, name):
            f.create_dataset(name, shape, "f4", chunks=(1 << 20,) * 1, compression="gzip", fillvalue=1.0)

        return make

    def values(array):
        return lambda f, name: f.create_dataset(name, data=array)

    return {
        "external storage": replaced(at_kernel, external),
        "external link, dataset": replaced(at_kernel, link(h5py.ExternalLink(str(other), "data"))),
        "external link, group": replaced(layer, link(h5py.ExternalLink(str(other), "/"))),
        "external link, top": replaced(top, link(h5py.ExternalLink(str(other), "/"))),
        "soft link": replaced(at_kernel, link(h5py.SoftLink(f"/{at_bias}"))),
        "soft link cycle": replaced(layer, link(h5py.SoftLink(f"/{layer}"))),
        "virtual": replaced(at_kernel, virtual),
        "4 TiB": replaced(at_kernel, big((1 << 40,))),
        "1 GiB": replaced(at_kernel, big((1 << 28,))),
        "2^62": replaced(at_kernel, big((1 << 62,))),
        "rank 17": replaced(at_kernel, values(np.zeros((1,) * 17, "f4"))),
        "reference": replaced(at_kernel, lambda f, n: f.create_dataset(n, data=f[top].ref, dtype=h5py.ref_dtype)),
        "complex": replaced(at_kernel, values(np.zeros((4, 3), "c8"))),
        "text": replaced(at_kernel, values(np.full((4, 3), b"abc"))),
        "integers": replaced(at_kernel, values(np.zeros((4, 3), "i4"))),
        "transposed": replaced(at_kernel, values(np.zeros((3, 4), "f4"))),
        "an axis more": replaced(at_kernel, values(np.zeros((4, 3, 1), "f4"))),
        "group for dataset": replaced(at_kernel, lambda f, n: f.create_group(n)),
        "dataset for group": replaced(layer, values(np.zeros(3, "f4"))),
        "missing": lambda f: f.__delitem__(at_bias),
        "missing layer": lambda f: f.__delitem__(layer),
        "surplus": lambda f: f.create_dataset(f"{at_owner}/2", data=np.zeros(3, "f4")),
        "changed data": lambda f: f[at_kernel].write_direct(np.ones((4, 3), "f4")),
        "checksum is a reference": lambda f: f[at_owner].attrs.create("ckeras_crc32", f[top].ref),
    }


@pytest.mark.parametrize("name", list(weights_attacks("", "")))
def test_hostile_weights_are_refused(tmp_path, good, name):
    secret, other = tmp_path / "secret", tmp_path / "other.h5"
    secret.write_bytes(np.full(12, 1234.5, "f4").tobytes())
    with h5py.File(other, "w") as f:
        f["data"] = np.full((4, 3), 1234.5, "f4")
    members = with_weights(good, weights_attacks(secret, other)[name])
    refuses(pack(tmp_path / "a.keras", members))
    (tmp_path / "a.weights.h5").write_bytes(members["model.weights.h5"])
    m = make_model()
    before = m.get_weights()
    with pytest.raises(ValueError):
        m.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(m.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- S10: zips


def test_zip_bombs_and_odd_zips(tmp_path, good):
    path = tmp_path / "a.keras"
    for name in good:
        refuses(pack(path, {**good, name: b" " * 50_000_000}, zipfile.ZIP_DEFLATED), "unpacks|HDF5|JSON")
    refuses(pack(path, {**good, "../x": b""}), "unknown")
    refuses(pack(path, {**good, "/etc/x": b""}), "unknown")
    refuses(pack(path, {**good, "assets/x": b"1"}), "assets")
    refuses(pack(path, {**good, "assets/../../x": b"1"}), "assets")
    refuses(pack(path, {k: v for k, v in good.items() if k != "config.json"}), "config.json")
    refuses(pack(path, good, zipfile.ZIP_BZIP2), "compressed")
    refuses(pack(path, {**good, **{f"assets/{i}": b"" for i in range(2000)}}), "members")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as z:
        for n, d in [*good.items(), ("config.json", b"{}")]:
            z.writestr(n, d)
    refuses(path, "two members")
    pack(path, good)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    refuses(path, "encrypted")


# ---- S14, R03, R06: configs of the wrong kind


@pytest.mark.parametrize("units", [2**31, 2**62, 10**30, -1, 0, True, 1.5, "8", None, [3], {"a": 1}])
def test_odd_sizes_are_refused_before_memory_is_taken(tmp_path, good, units):
    refuses(pack(tmp_path / "a.keras", with_config(good, lambda c: dense(c)["config"].update(units=units))))


@pytest.mark.parametrize("shape", [[None, 2**40], [None, 10**30], [None, -1], [None, "4"], "4", {"a": 1}])
def test_odd_input_shapes_are_refused(tmp_path, good, shape):
    def edit(c):
        c["config"]["layers"][0]["config"]["batch_shape"] = shape

    refuses(pack(tmp_path / "a.keras", with_config(good, edit)))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"class_name": "Sequential", "class_name": "Dense", "config": {}}',
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": "\\ud800"}',
        "[]",
        "1",
        "",
        "{",
        '{"module": "keras", "class_name": "Sequential", "config": []}',
        '{"module": "keras", "class_name": "Sequential", "config": {"layers": 7}}',
        '{"module": "keras", "class_name": ["Sequential"], "config": {}}',
        '{"module": 3, "class_name": "Sequential", "config": {}}',
        '{"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}}',
    ],
)
def test_odd_json_is_refused(tmp_path, good, text):
    refuses(pack(tmp_path / "a.keras", {**good, "config.json": text}))


# ---- R01: damage


def test_truncated_files_and_flipped_bytes_never_give_wrong_weights(tmp_path):
    m = make_model()
    m.save(tmp_path / "good.keras")
    m.save_weights(tmp_path / "good.weights.h5")
    expected = m.get_weights()
    rng = np.random.default_rng(0)

    def load(path):
        if not path.name.endswith(".weights.h5"):
            return keras.models.load_model(path)
        fresh = make_model()
        fresh.load_weights(path)
        return fresh

    m.save(tmp_path / "good.h5")
    for name in ("good.keras", "good.weights.h5", "good.h5"):
        data = (tmp_path / name).read_bytes()
        bad = tmp_path / name.replace("good", "bad")
        damaged = [data[: len(data) * i // 16] for i in range(16)]
        for at in rng.integers(0, len(data), 200):
            flipped = bytearray(data)
            flipped[at] ^= 1 << int(rng.integers(8))
            damaged.append(bytes(flipped))
        for content in damaged:
            bad.write_bytes(content)
            try:
                loaded = load(bad)
            except ValueError:
                continue
            for a, b in zip(loaded.get_weights(), expected, strict=True):
                np.testing.assert_array_equal(a, b)
