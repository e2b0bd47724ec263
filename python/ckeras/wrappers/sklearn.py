"""Estimators of scikit-learn around a model."""

import copy

import numpy as np

from ckeras import models

try:
    import sklearn.utils.validation as validation
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted
except ImportError:
    validation = None
    BaseEstimator = ClassifierMixin = RegressorMixin = TransformerMixin = object


class _Estimator(BaseEstimator):
    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        if validation is None:
            raise ImportError(f"[{type(self).__name__}] scikit-learn is not installed: pip install scikit-learn")
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self):
        model = copy.deepcopy(self.model) if isinstance(self.model, models.Model) else self.model
        return type(self)(model, self.warm_start, self.model_kwargs, self.fit_kwargs)

    @property
    def epoch_(self):
        """The numbers of the epochs of the last `fit`, a list; 0 before it."""
        return self.history_.epoch if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs):
        """Says which further arguments of `fit` come from a meta-estimator (metadata routing of scikit-learn)."""
        self._metadata_request = MetadataRequest(owner=type(self).__name__)
        for param, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=param, alias=alias)
        return self

    def _checked(self, X, y=None):
        options = {"allow_nd": True, "reset": y is not None}
        if hasattr(validation, "validate_data"):
            both = () if y is None else (y,)
            return validation.validate_data(self, X, *both, **options, **self._multi(y))
        return self._validate_data(X, **({} if y is None else {"y": y}), **options, **self._multi(y))

    @staticmethod
    def _multi(y):
        return {} if y is None else {"multi_output": True}

    def _fresh_model(self, X, y):
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, models.Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        model = models.clone_model(self.model)
        if self.model.compiled:
            model.compile_from_config(self.model.get_compile_config())
        return model

    def fit(self, X, y, **kwargs):
        """Trains a model on `X` `(n, ...)` and `y` `(n,)` or `(n, k)`; `kwargs` and `fit_kwargs` go to its `fit`.

        Gives the estimator back. Raises `ValueError` for data that do not fit and `RuntimeError` where the model is not
        compiled.
        """
        X, y = self._checked(X, y)
        y = self._encoded(y)
        model = self._fresh_model(X, y)
        if not (isinstance(model, models.Model) and model.compiled and model.loss and model.optimizer):
            raise RuntimeError(
                f"[{type(self).__name__}] model must be (or, called with X and y, make) a compiled model with a loss "
                f"and an optimizer; got {model!r}"
            )
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def predict(self, X):
        """What the model says of `X`, in the form of the `y` that it was trained on."""
        return self._decoded(self._outputs(X))

    def _outputs(self, X):
        check_is_fitted(self)
        return self.model_.predict(self._checked(X), verbose=(self.fit_kwargs or {}).get("verbose", "auto"))

    def _encoded(self, y):
        self._target_ndim = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _decoded(self, outputs):
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 else outputs


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A classifier of scikit-learn: `model` is trained on one-hot rows of the classes in `y` and predicts classes.

    `model`: a compiled model, or a function of `X`, `y` (the one-hot rows) and `model_kwargs` that makes one.
    `fit_kwargs`: arguments of the model's `fit`. Each `fit` starts from a new model, with `warm_start=True` from the
    last one. Raises `ValueError` for less than two classes and for several outputs.

    >>> ckeras.wrappers.SKLearnClassifier(model, fit_kwargs={"epochs": 5}).fit(X, y).score(X, y)  # doctest: +SKIP
    """

    def decision_function(self, X):
        """The model's outputs, one column a class."""
        return self._outputs(X)

    def _encoded(self, y):
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"[SKLearnClassifier] y must hold classes, two or more; got a target of the type {kind!r}")
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError("[SKLearnClassifier] classifier can't train when only one class is present")
        self._target_ndim = y.ndim
        self._encoder = OneHotEncoder(sparse_output=False).fit(y.reshape(-1, 1))
        return self._encoder.transform(y.reshape(-1, 1))

    def _decoded(self, outputs):
        best = self.classes_[np.argmax(outputs, axis=-1)]
        return best if self._target_ndim == 1 else best[:, None]


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A regressor of scikit-learn around `model`; the arguments are those of `SKLearnClassifier`.

    >>> ckeras.wrappers.SKLearnRegressor(model).fit(X, y).predict(X)  # doctest: +SKIP
    """


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A transformer of scikit-learn: `transform` gives the outputs of `model`; arguments as of `SKLearnClassifier`.

    >>> ckeras.wrappers.SKLearnTransformer(model).fit(X, y).transform(X)  # doctest: +SKIP
    """

    def transform(self, X):
        """The model's outputs for `X`."""
        return self._outputs(X)
