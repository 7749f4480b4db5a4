"""scikit-learn classifiers: training data, extension of grids, and costs."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fmnist_report.pipeline.progress import Progress
from fmnist_report.settings import ClassifierSettings
from fmnist_report.training import classifiers


@pytest.mark.parametrize(
    ("tried", "further"),
    [
        ({0.001: 0.9, 0.003: 0.8}, 0.001 / 3),  # the best is the lowest
        ({0.001: 0.8, 0.003: 0.9}, 0.009),  # the highest
        ({0.001: 0.8, 0.003: 0.9, 0.009: 0.85}, None),  # it lies inside
        ({0.003: 0.9}, None),  # one value says nothing
        ({5: 0.9, 10: 0.8}, 2), ({2: 0.9, 5: 0.8, 10: 0.7}, 1), ({1: 0.9, 2: 0.8}, None), ({5: 0.8, 10: 0.9}, 20),
        ({0.1: 0.8, 0.9: 0.9}, 0.95),  # shrinkage stays below one
    ],
)  # fmt: skip
def test_a_grid_grows_where_its_best_value_lies_at_an_edge(tried, further):
    found = classifiers.extend_grid(tried)
    assert found == (None if further is None else pytest.approx(further)) and type(found) in (type(None), int, float)


def make_views(n=60, n_features=4):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    first = rng.normal(size=(n, n_features)) + 4 * np.eye(3, n_features)[labels]
    second = first + 0.01
    return classifiers.Views(first, labels, [first, second], labels, [first, second])


def plain_components(width):
    return SimpleNamespace(components_=np.eye(width))


class Told:
    """A classifier whose validation accuracy is determined by its hyperparameter."""

    def __init__(self, value, best):
        self.n_wrong = abs(value - best)

    def fit(self, train, labels):
        self.labels = labels

    def predict_proba(self, view):
        named = np.where(np.arange(len(self.labels)) < self.n_wrong, (self.labels + 1) % 3, self.labels)
        return np.eye(3)[named] * view[:, :1].round() ** 0


@pytest.mark.parametrize(
    ("values", "best", "tried", "chosen"),
    [
        ((4, 8), 2, [1, 2, 4, 8], 2), ((4, 8), 8, [4, 8, 16], 8), ((4, 8), 32, [4, 8, 16, 32], 32),
        ((2, 4, 8), 4, [2, 4, 8], 4), ((4, 8), 6, [4, 8, 16], 8),
    ],
)  # fmt: skip
def test_the_best_value_is_kept_and_looked_for_beyond_the_edge(monkeypatch, values, best, tried, chosen):
    monkeypatch.setattr(classifiers, "count_costs", lambda *arguments: {"n_params": 1, "macs": 2})
    views = make_views()
    kinds = {"told": classifiers.Kind(values, lambda value: Told(value, best))}
    kinds["other"] = classifiers.Kind((1,), lambda value: Told(value, 1))
    fitted = classifiers.fit_grids(kinds, views, 1, Progress(quiet=True))
    assert list(fitted["other"]) == [1] and all(found.seconds < 60 for found in fitted["told"].values())
    summary = classifiers.keep_best(fitted["told"], views, plain_components(4))["summary"]
    assert [value for value, _ in summary["tried"]] == tried and summary["parameter"] == chosen
    assert summary["val_accuracy"] == dict(map(tuple, summary["tried"]))[chosen] == 1 - abs(chosen - best) / 60
    assert (summary["n_params"], summary["macs"], summary["n_views"]) == (1, 2, 2)


def test_predictions_are_averaged_over_views():
    views = make_views()
    classifier = LogisticRegression().fit(views.train, views.y_train)
    found = classifiers._predict(classifier, [views.train, views.train + 1], 4)
    apart = [classifier.predict_proba(view) for view in (views.train, views.train + 1)]
    assert found == pytest.approx(np.mean(apart, axis=0), abs=1e-6) and found.dtype == np.float32


class Store:
    """Features in memory: (n, n_features) of each view."""

    def __init__(self, *views):
        self.stored = dict(zip(("original", "mirror"), views, strict=False))
        self.views = tuple(self.stored)

    def pooled(self, split, view, n=None, start=0):
        return self.stored[view][start:][:n].copy()


def test_every_image_is_learned_in_one_of_its_views():
    first, second = np.zeros((2_500, 3), "float16"), np.ones((2_500, 3), "float16")  # more than are read together
    mixed = classifiers.mix_views(Store(first, second), 0)
    assert set(mixed.sum(axis=1)) == {0.0, 3.0} and 0.45 < mixed.mean() < 0.55
    assert np.array_equal(mixed, classifiers.mix_views(Store(first, second), 0))
    assert not np.array_equal(mixed, classifiers.mix_views(Store(first, second), 1))
    assert np.array_equal(classifiers.mix_views(Store(first), 0), first)


def test_classifiers_read_the_principal_components_of_the_features():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(3_000, 3)) * (9, 4, 1)
    features = (hidden @ rng.normal(size=(3, 20)) + 7).astype("float16")
    pca = classifiers.fit_components(features, 3, 0)
    train = classifiers.project(pca, features)
    assert train.shape == (3_000, 3) and train.dtype == np.float32
    assert train.mean(axis=0) == pytest.approx(0, abs=1e-2)
    covariance = np.cov(train.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-2 * covariance.max()
    assert np.diag(covariance).sum() == pytest.approx(
        features.var(axis=0, dtype="float64").sum(), rel=1e-2
    )  # all of it
    assert list(np.diag(covariance)) == sorted(np.diag(covariance), reverse=True)
    assert classifiers.project(pca, features[:10]) == pytest.approx(train[:10], abs=1e-4)
    assert classifiers.fit_components(features[:8], 512, 0).components_.shape == (3, 20)


def test_components_without_variance_are_left_out():
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(5, 20)), 40, axis=0).astype("float16")  # five images, each many times
    pca = classifiers.fit_components(features, 64, 0)
    assert pca.components_.shape == (4, 20) and classifiers.project(pca, features).shape == (200, 4)
    constant = np.ones((200, 20), "float16")
    assert np.isfinite(classifiers.project(classifiers.fit_components(constant, 64, 0), constant)).all()


def test_what_classifiers_cost():
    views = make_views(60, 20)
    settings = ClassifierSettings(neighbour_components=5)
    pca, costs = plain_components(20), {}
    for name, kind in classifiers.list_classifiers(settings).items():
        fitted = classifiers._fit(kind, kind.values[0], views)
        costs[name] = classifiers.count_costs(fitted, 60, pca)
    lda = {"n_params": 20 * 20 + 20 + 3 * 20 + 3, "macs": 20 * 20 + 3 * 20}
    assert costs["lda"] == lda and costs["logistic_regression"] == lda | {"n_params": lda["n_params"] + 40}
    assert costs["k_neighbours"] == {"n_params": 5 * 20 + 20 + 60 * 5, "macs": 5 * 20 + 60 * 5}


@pytest.mark.parametrize(("n_jobs", "used"), [(1, 1), (16, 2), (-1, -1)])
def test_few_fits_go_on_at_once_in_one_process(monkeypatch, n_jobs, used):
    asked = []

    def parallel(n, prefer):
        asked.append(n)
        return lambda tasks: [function(*given) for function, given, _ in tasks]

    monkeypatch.setattr("joblib.Parallel", parallel)
    kinds = {"told": classifiers.Kind((1, 2, 3), lambda value: Told(value, 2))}
    classifiers.fit_grids(kinds, make_views(), n_jobs, Progress(quiet=True))
    assert asked == [used]
