"""scikit-learn's classifiers on cached features; each one's parameter is chosen on validation."""

import contextlib
import time
import typing
import warnings
from pathlib import Path

import numpy as np
import threadpoolctl

from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.workers import Workers
from fmnist_report.settings import ClassifierSettings
from fmnist_report.training.head import standardisation
from fmnist_report.training.metrics import measure_accuracy
from fmnist_report.training.stores import PARTS, FeatureStore

MANY_FEATURES = 6_000
N_COMPONENTS = 1_000


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
    {name: {parameter, tried, val_accuracy}}, measured.json with {name: {train_seconds, predict_ms_per_image}} and
    probabilities.npz with "<name>/val" and "<name>/test".
    """
    labels = load_arrays(data / "labels.npz")
    with FeatureStore(features) as store:
        pooled = {part: store.pooled(part, "original") for part in PARTS}
    mean, scale = standardisation(pooled["train"])
    pooled = {part: (values - mean) * scale for part, values in pooled.items()}
    probabilities: dict[str, np.ndarray] = {}
    summaries, measured = {}, {}
    candidates = _candidates(classifiers, pooled["train"].shape, seed)
    with workers.open() as crew, crew.joblib() as n_jobs:
        for number, (name, options) in enumerate(candidates.items()):
            progress.update(number, len(candidates), name)
            best = _fit_best(options, pooled, labels, n_jobs)
            summaries[name], measured[name] = best.pop("summary"), best.pop("measured")
            probabilities |= {f"{name}/{part}": values for part, values in best.items()}
    save_arrays(out / "probabilities.npz", **probabilities)
    write_json(out / "classifiers.json", summaries)
    write_json(out / MEASURED, measured)


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
    pairs = zip(options, fitted, strict=True)
    tried = {parameter: measure_accuracy(val, labels["val"]) for parameter, (_, val) in pairs}
    best_parameter = max(reversed(tried), key=tried.__getitem__)
    classifier, val = fitted[list(options).index(best_parameter)]
    train_seconds = time.monotonic() - started
    started = time.perf_counter()
    test = classifier.predict_proba(pooled["test"]).astype("float32")
    ms_per_image = 1e3 * (time.perf_counter() - started) / len(test)
    summary = {"parameter": best_parameter, "tried": tried, "val_accuracy": tried[best_parameter]}
    measured = {"train_seconds": train_seconds, "predict_ms_per_image": ms_per_image}
    return {"summary": summary, "measured": measured, "val": val, "test": test}
