"""Classifiers on cached features: scikit-learn's, and the dense head."""

from __future__ import annotations

import contextlib
import time
import typing
import warnings
from pathlib import Path

import numpy as np
import threadpoolctl

from fmnist_report.batches import smooth_labels
from fmnist_report.cluster import Workers
from fmnist_report.data import load_arrays
from fmnist_report.files import write_json
from fmnist_report.models.backbone import build_head
from fmnist_report.progress import Progress
from fmnist_report.settings import ClassifierSettings, HeadSettings
from fmnist_report.stores import PARTS, FeatureStore
from fmnist_report.training import average_views, fit, predict_views, save_network, score, seeded, take_enough_steps

MANY_FEATURES = 6_000
N_COMPONENTS = 1_000


def standardisation(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and inverse standard deviation, (n_features,) each, of (n, n_features) features."""
    return train.mean(axis=0), 1 / (train.std(axis=0) + 1e-3)


def fit_classifiers(
    out: Path,
    progress: Progress,
    *,
    classifiers: ClassifierSettings,
    seed: int,
    data: Path,
    features: Path,
    workers: Workers,
) -> None:
    """Stage `classifiers`: fit scikit-learn's classifiers; each one's parameter is chosen on validation.

    They see the original view alone: shoes always point the same way in Fashion-MNIST, and a linear
    classifier that has not seen them mirrored loses accuracy on mirror images. Writes classifiers.json with
    {name: {parameter, tried, val_accuracy, train_seconds, predict_ms_per_image}} and
    probabilities.npz with "<name>/val" and "<name>/test".
    """
    labels = load_arrays(data / "labels.npz")
    with FeatureStore(features) as store:
        pooled = {part: store.pooled(part, "original") for part in PARTS}
    mean, scale = standardisation(pooled["train"])
    pooled = {part: (values - mean) * scale for part, values in pooled.items()}
    summaries, probabilities = {}, {}
    candidates = _candidates(classifiers, pooled["train"].shape, seed)
    with workers.open() as crew, crew.joblib() as n_jobs:
        for number, (name, options) in enumerate(candidates.items()):
            progress.update(number, len(candidates), name)
            best = _fit_best(options, pooled, labels, n_jobs)
            summaries[name] = best.pop("summary")
            probabilities |= {f"{name}/{part}": values for part, values in best.items()}
    np.savez(out / "probabilities.npz", **probabilities)
    write_json(out / "classifiers.json", summaries)


def _candidates(settings: ClassifierSettings, shape: tuple[int, int], seed: int) -> dict[str, dict[str, typing.Any]]:
    """List {name: {parameter: unfitted classifier}}.

    Args:
        shape: of the training features. The linear discriminant's time grows by the cube of their number, so where a
            base gives very many, it reads their principal components.
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    n_pictures, n_features = shape
    narrowed = PCA(min(N_COMPONENTS, n_pictures // 2), svd_solver="randomized", iterated_power=2, random_state=seed)
    narrowing = [narrowed] if n_features > MANY_FEATURES else []
    return {
        "logistic_regression": {f"C={c:g}": LogisticRegression(C=c, max_iter=60) for c in settings.logistic_c},
        "lda": {
            f"shrinkage={s:g}": make_pipeline(*narrowing, LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s))
            for s in settings.shrinkage
        },
        "k_neighbours": {
            f"k={k}": make_pipeline(
                PCA(settings.neighbour_components, whiten=False, random_state=seed),
                KNeighborsClassifier(k, weights="distance", algorithm="brute"),
            )
            for k in settings.neighbours
        },
    }


def _fit(classifier, train: np.ndarray, labels: np.ndarray, val: np.ndarray) -> tuple[typing.Any, np.ndarray]:
    """Fit a classifier; returns it and its probabilities on validation."""
    with _alone():
        classifier.fit(train, labels)
        return classifier, classifier.predict_proba(val).astype("float32")


@contextlib.contextmanager
def _alone() -> typing.Iterator[None]:
    """Let every fit compute in one thread, so that its sums have the same order on any machine and any worker."""
    from sklearn.exceptions import ConvergenceWarning

    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the logistic regression stops early on purpose
        yield


def _fit_best(options: dict[str, typing.Any], pooled: dict[str, np.ndarray], labels: dict, n_jobs: int) -> dict:
    """Fit every option and keep the last of those with the best validation accuracy."""
    import joblib

    started = time.monotonic()
    with _alone():  # also around threads that end at different times
        fitted = joblib.Parallel(n_jobs, prefer="threads")(
            joblib.delayed(_fit)(classifier, pooled["train"], labels["train"], pooled["val"])
            for classifier in options.values()
        )
    tried = {parameter: score(val, labels["val"])[1] for parameter, (_, val) in zip(options, fitted, strict=True)}
    best_parameter = max(reversed(tried), key=tried.get)
    classifier, val = fitted[list(options).index(best_parameter)]
    train_seconds = time.monotonic() - started
    started = time.perf_counter()
    test = classifier.predict_proba(pooled["test"]).astype("float32")
    ms_per_image = 1e3 * (time.perf_counter() - started) / len(test)
    summary = {"parameter": best_parameter, "tried": tried, "val_accuracy": tried[best_parameter]}
    summary |= {"train_seconds": train_seconds, "predict_ms_per_image": ms_per_image}
    return {"summary": summary, "val": val, "test": test}


class FeatureBatches:
    """Shuffled batches of pooled features, each picture seen in its other view, if it has two, in every other epoch.

    Args:
        views: the original's and perhaps the mirror image's features, (n, n_features) float32 each.
        targets: (n, classes) float32 class probabilities.
    """

    def __init__(self, views: list[np.ndarray], targets: np.ndarray, batch_size: int, seed: int) -> None:
        self.views, self.targets, self.seed = views, targets, seed
        self.batch_size = min(batch_size, len(targets))
        self.mirrored_first = np.random.default_rng(seed).integers(0, 2, len(targets))

    def __len__(self) -> int:
        return len(self.targets) // self.batch_size

    def epoch(self, epoch: int) -> typing.Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the epoch's batches: (b, n_features) and (b, classes) float32."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.targets))
        for first in range(0, len(self) * self.batch_size, self.batch_size):
            chosen = order[first : first + self.batch_size]
            mirror = (self.mirrored_first[chosen] + epoch) % 2 == 1
            yield np.where(mirror[:, None], self.views[-1][chosen], self.views[0][chosen]), self.targets[chosen]


def fit_head(out: Path, progress: Progress, *, head: HeadSettings, seed: int, data: Path, features: Path) -> None:
    """Stage `head`: train the dense head on pooled features of all views."""
    labels = load_arrays(data / "labels.npz")
    with FeatureStore(features) as store:
        views = {part: [store.pooled(part, view) for view in store.views] for part in PARTS}
        n_classes = store.task.n_classes
    head = take_enough_steps(head, len(labels["train"]))
    with seeded(seed):
        network = build_head(views["train"][0].shape[1], head.width, head.dropout, n_classes)
    network.get_layer("standardise").set_weights(list(standardisation(views["train"][0])))
    targets = smooth_labels(labels["train"], head.label_smoothing, n_classes)
    batches = FeatureBatches(views["train"], targets, head.batch_size, seed)

    def validation(network):
        return score(average_views(network, views["val"]), labels["val"])

    history = fit(network, batches, validation, head, out, progress)
    started = time.perf_counter()
    probabilities = {part: predict_views(network, views[part]) for part in ("val", "test")}
    n_views = sum(both.shape[0] * both.shape[1] for both in probabilities.values())
    ms_per_image = 1e3 * (time.perf_counter() - started) / n_views
    save_network(out, network, history, probabilities, ms_per_image, "float32")
