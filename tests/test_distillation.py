"""Distillation: the losses by NumPy, the student alone learns, files, what is refused."""

import numpy as np
import pytest

import ckeras
from ckeras import distillation, layers, losses, ops

rng = np.random.default_rng(4)
X, Y = rng.normal(size=(32, 5)).astype("float32"), rng.integers(0, 3, 32)


def network(width, name=None, classes=3, dtype=None):
    hidden = layers.Dense(width, "relu", name="hidden")
    return ckeras.Sequential([ckeras.Input((5,)), hidden, layers.Dense(classes, name="logits", dtype=dtype)], name=name)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def made(losses_, **options):
    ckeras.utils.set_random_seed(2)
    model = distillation.Distiller(network(8, "teacher"), network(8, "student"), losses_, **options)
    model.compile(ckeras.optimizers.SGD(0.1), losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return model


@pytest.mark.parametrize("loss", ["kl_divergence", losses.KLDivergence()])
def test_logits(loss):
    a, b = rng.normal(size=(2, 4, 3)).astype("float32")
    p, q = softmax(a / 2.0), softmax(b / 2.0)
    got = distillation.LogitsDistillation(2.0, loss).compute_loss(a, b)
    np.testing.assert_allclose(got, 4 * (p * np.log(p / q)).sum(-1).mean(), rtol=1e-4)
    got = distillation.LogitsDistillation(2.0, "mse").compute_loss(a, b)
    np.testing.assert_allclose(got, ((a - b) ** 2).mean() / 4, rtol=1e-5)


def test_structures_of_losses():
    a, b = rng.normal(size=(2, 4, 3)).astype("float32")
    loss = distillation.FeatureDistillation(["mse", None, "mae"])
    got = loss.compute_loss([a, a, a], [b, b, b])
    np.testing.assert_allclose(got, ((a - b) ** 2).mean() + abs(a - b).mean(), rtol=1e-5)
    with pytest.raises(ValueError, match="structure of the outputs"):
        loss.validate_outputs([a, a], [b, b])
    with pytest.raises(ValueError):
        loss.validate_outputs([a, a, a], [b])


def test_the_loss_is_the_weighted_sum_and_only_the_student_learns():
    features = distillation.FeatureDistillation("mse", "hidden", "hidden")
    model = made([distillation.LogitsDistillation(2.0), features], distillation_loss_weights=[0.5, 2.0])
    teacher, student = model.teacher.get_weights(), model.student.get_weights()
    logits = [np.asarray(m(X)) for m in (model.teacher, model.student)]
    hidden = [np.maximum(X @ m[0] + m[1], 0) for m in (teacher, student)]
    p, q = (softmax(x / 2.0) for x in logits)
    on_labels = -np.log(softmax(logits[1])[np.arange(32), Y]).mean()
    distilled = 0.5 * 4 * (p * np.log(p / q)).sum(-1).mean() + 2 * ((hidden[0] - hidden[1]) ** 2).mean()
    logs = model.fit(X, Y, batch_size=32, verbose=0).history
    expected = {"student_loss": on_labels, "distillation_loss": distilled, "total_loss": (on_labels + distilled) / 2}
    for name, value in {**expected, "loss": expected["total_loss"]}.items():
        np.testing.assert_allclose(logs[name][0], value, rtol=1e-4, err_msg=name)
    assert set(logs) == {*expected, "loss", "accuracy"}
    assert len(model.trainable_variables) == 4 and not model.teacher.trainable
    for a, b in zip(teacher, model.teacher.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(student, model.student.get_weights()))
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.student.predict(X, verbose=0))


@pytest.mark.parametrize(("share", "still"), [(0.0, "student_loss"), (1.0, "distillation_loss")])
def test_shares_of_one_leave_the_other_out(share, still):
    logs = made(distillation.LogitsDistillation(), student_loss_weight=share).fit(X, Y, verbose=0).history
    assert logs[still] == [0.0] and logs["loss"][0] > 0


FEATURES = distillation.FeatureDistillation("mse", "hidden", "hidden")


def dropping(rate, seed, name):
    """A network that drops inputs while it trains, with a layer `hidden`."""
    start = ckeras.initializers.GlorotUniform(seed)
    hidden = layers.Dense(8, "relu", kernel_initializer=start, name="hidden")
    parts = [ckeras.Input((5,)), layers.Dropout(rate), hidden, layers.Dense(3, kernel_initializer=start)]
    return ckeras.Sequential(parts, name=name)


@pytest.mark.parametrize("loss", [distillation.FeatureDistillation("mse"), FEATURES], ids=["outputs", "layers"])
def test_the_teacher_infers_while_the_student_trains(loss):
    def distilled(of_teacher, of_student):
        teacher, student = dropping(of_teacher, 1, "teacher"), dropping(of_student, 2, "student")
        model = distillation.Distiller(teacher, student, loss)
        model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
        return model.fit(X, Y, batch_size=32, verbose=0).history["distillation_loss"][0]

    plain = distilled(0.0, 0.0)
    np.testing.assert_allclose(distilled(0.9, 0.0), plain, rtol=1e-5)
    assert abs(distilled(0.0, 0.9) - plain) > 0.01 * plain


def test_a_function_as_loss_on_labels():
    def error(y_true, y_pred):  # one for each example
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    model = made(distillation.LogitsDistillation(), student_loss_weight=1.0)
    model.compile("sgd", error)
    targets = np.eye(3, dtype="float32")[Y]
    expected = ((targets - np.asarray(model.student(X))) ** 2).mean()
    np.testing.assert_allclose(model.fit(X, targets, batch_size=32, verbose=0).history["loss"], [expected], rtol=1e-5)


def test_weights_of_examples_are_not_used_and_that_is_said():
    model = made(distillation.LogitsDistillation())
    with pytest.warns(UserWarning, match=r"\[Distiller\] sample_weight is not used"):
        model.fit(X, Y, sample_weight=np.ones(32), verbose=0)


def test_files(tmp_path):
    features = distillation.FeatureDistillation("mse", "hidden", "hidden")
    model = made([distillation.LogitsDistillation(4.0, losses.KLDivergence()), features], student_loss_weight=0.25)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "distiller.keras")
    again = ckeras.models.load_model(tmp_path / "distiller.keras")
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    for a, b in zip(again.evaluate(X, Y, verbose=0), model.evaluate(X, Y, verbose=0)):
        assert a == b
    assert again.train_on_batch(X, Y) == model.train_on_batch(X, Y)  # with the optimizer's state
    model.student.save(tmp_path / "student.keras")
    assert ckeras.models.load_model(tmp_path / "student.keras").count_params() == model.student.count_params()


class Subclassed(ckeras.Model):
    def call(self, x):
        return x


class Rows(distillation.DistillationLoss):
    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        return ops.mean(ops.square(teacher_outputs - student_outputs), -1)


LOGITS = distillation.LogitsDistillation()
REFUSED = {
    "no model": (lambda: distillation.Distiller(3, network(2), LOGITS), "teacher must be a ckeras.Model, got int"),
    "outputs": (lambda: distillation.Distiller(network(2, classes=4), network(2), LOGITS), "outputs of equal shape"),
    "dtypes": (
        lambda: distillation.Distiller(network(2), network(2, dtype="float64"), LOGITS),
        "equal shape and dtype",
    ),
    "weights": (
        lambda: distillation.Distiller(network(2), network(2), [LOGITS], [1.0, 2.0]),
        "a number for each of the 1 distillation_losses, got 2",
    ),
    "no losses": (lambda: distillation.Distiller(network(2), network(2), None), "distillation_losses must be"),
    "share": (lambda: made(LOGITS, student_loss_weight=1.5), "number from 0 to 1, got 1.5"),
    "layer": (lambda: made(distillation.FeatureDistillation("mse", "nope", "hidden")), "in the teacher.*nope"),
    "subclassed": (
        lambda: distillation.Distiller(
            Subclassed(), network(2), distillation.FeatureDistillation("mse", "hidden", "hidden")
        ),
        "teacher .* is subclassed",
    ),
    "rows": (lambda: made(Rows()).fit(X, Y, verbose=0), "must give a scalar"),
    "no loss": (lambda: made(LOGITS).compile("sgd"), "loss must be given"),
    "metrics": (lambda: made(LOGITS).compile("sgd", "mse", metrics="mae"), "metrics must be a list"),
    "nothing": (lambda: distillation.FeatureDistillation([None, None]), "at least one output"),
    "temperature": (lambda: distillation.LogitsDistillation(0), "positive number, got 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_loss_of_ones_own():
    with pytest.raises(NotImplementedError, match="must define compute_loss"):
        distillation.DistillationLoss().compute_loss(X, X)
