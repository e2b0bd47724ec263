"""Models as estimators of scikit-learn: for its pipelines, searches and cross-validation."""

from ckeras.wrappers.sklearn import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
