"""Models inside scikit-learn: estimators, clones, pipelines, searches."""

import numpy as np
import pytest

import ckeras
from ckeras import layers

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, NUMBERS = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[NUMBERS]
FIT = {"epochs": 30, "batch_size": 16, "verbose": 0}


def network(X, y, units=16, loss="categorical_crossentropy", activation="softmax"):
    ckeras.utils.set_random_seed(1)
    inner = layers.Dense(units, activation="relu")
    model = ckeras.Sequential([ckeras.Input(X.shape[1:]), inner, layers.Dense(y.shape[1], activation=activation)])
    model.compile(ckeras.optimizers.Adam(0.02), loss)
    return model


def classifier(**options):
    return ckeras.wrappers.SKLearnClassifier(network, fit_kwargs=FIT, **options)


def test_a_classifier_predicts_the_classes_it_was_given():
    estimator = classifier().fit(X, NAMES)
    assert estimator.score(X, NAMES) > 0.93
    assert estimator.predict(X[:3]).tolist() == NAMES[:3].tolist()
    assert estimator.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert estimator.decision_function(X[:3]).shape == (3, 3)
    assert estimator.epoch_ == list(range(30))
    assert estimator.n_features_in_ == 4
    with pytest.raises(ValueError, match="features"):
        estimator.predict(X[:, :3])


def test_pipelines_and_cross_validation():
    pipeline = make_pipeline(StandardScaler(), classifier())
    scores = cross_val_score(pipeline, X, NUMBERS, cv=3)
    assert scores.min() > 0.85


def test_a_search_over_arguments_of_the_model():
    search = GridSearchCV(classifier(), {"model_kwargs": [{"units": 1}, {"units": 16}]}, cv=2).fit(X, NUMBERS)
    assert search.best_params_ == {"model_kwargs": {"units": 16}}


def test_clones_are_untrained_and_equal():
    estimator = classifier(warm_start=True, model_kwargs={"units": 3})
    estimator.fit(X, NUMBERS, epochs=1)
    again = clone(estimator)
    assert again.get_params() == estimator.get_params() and not hasattr(again, "model_")


def test_a_model_is_cloned_and_warm_start_goes_on():
    template = network(X, np.zeros((1, 3)))
    before = template.get_weights()
    for warm in (False, True):
        estimator = ckeras.wrappers.SKLearnClassifier(template, warm_start=warm, fit_kwargs={**FIT, "epochs": 1})
        first = estimator.fit(X, NUMBERS).model_
        assert (estimator.fit(X, NUMBERS).model_ is first) == warm
    for a, b in zip(template.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_regression_of_one_and_several_numbers():
    options = {"model_kwargs": {"loss": "mse", "activation": None}, "fit_kwargs": FIT}
    one = ckeras.wrappers.SKLearnRegressor(network, **options).fit(X[:, :3], X[:, 3])
    assert one.predict(X[:5, :3]).shape == (5,) and one.score(X[:, :3], X[:, 3]) > 0.8
    two = ckeras.wrappers.SKLearnRegressor(network, **options).fit(X[:, :2], X[:, 2:])
    assert two.predict(X[:5, :2]).shape == (5, 2)


def test_a_transformer():
    options = {"model_kwargs": {"loss": "mse", "activation": None}, "fit_kwargs": FIT}
    transformer = ckeras.wrappers.SKLearnTransformer(network, **options)
    assert transformer.fit_transform(X, X[:, :2]).shape == (150, 2)


def test_wrong_use():
    with pytest.raises(ValueError, match="only one class"):
        classifier().fit(X, np.zeros(150, int))
    with pytest.raises(ValueError, match="must hold classes"):
        classifier().fit(X, X[:, 0])
    with pytest.raises(RuntimeError, match="compiled model"):
        ckeras.wrappers.SKLearnClassifier(lambda X, y: ckeras.Sequential([layers.Dense(3)])).fit(X, NUMBERS)
