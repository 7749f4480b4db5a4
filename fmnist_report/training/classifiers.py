"""scikit-learn classifiers on cached features, each with one hyperparameter chosen on validation data."""

from __future__ import annotations

import contextlib
import time
import typing
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import threadpoolctl

from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import load_arrays, save_arrays, write_json
from fmnist_report.pipeline.progress import Position, Progress
from fmnist_report.pipeline.workers import Workers
from fmnist_report.settings import ClassifierSettings
from fmnist_report.training.metrics import measure_accuracy
from fmnist_report.training.stores import SPLITS, FeatureStore

if typing.TYPE_CHECKING:
    from sklearn.decomposition import PCA

PROJECTION_IMAGES = 12_000  # training images whose principal components are computed
LEAST_VARIANCE = 1e-6  # of a component, relative to the first
ROWS = 2_000  # read or projected together
AT_ONCE = 2  # parallel fits in this process, each of which may copy all features
MOST_EXTENSIONS = 2  # of a grid whose best value is at its edge


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
    """Stage `classifiers`: fit scikit-learn classifiers, each with one hyperparameter chosen on validation data.

    All read the same principal components of the features. Like the head, they are trained on both views if there are
    two, each image in one of them, drawn with seed, and their predictions are averaged over both. A grid whose best
    value is at its edge is extended. Writes classifiers.json with {name: {parameter, tried, val_accuracy, n_params,
    macs, n_views, n_components}}, measured.json with {name: {train_seconds, predict_ms_per_image}}, both with the
    components, and probabilities.npz with "<name>/val" and "<name>/test".
    """
    labels = load_arrays(data / "labels.npz")
    with FeatureStore(features) as store:
        mixed = mix_views(store, seed)
        started = time.perf_counter()
        pca = fit_components(mixed, classifiers.components, seed)
        train = project(pca, mixed)
        seconds_to_fit = time.perf_counter() - started
        del mixed
        val, test = ([project(pca, store.pooled(split, view)) for view in store.views] for split in SPLITS[1:])
        sample = store.pooled("val", store.views[0])
        started = time.perf_counter()
        project(pca, sample)
        ms_to_project = 1e3 * (time.perf_counter() - started) / len(sample)
    views = Views(train, labels["train"], val, labels["val"], test)
    probabilities: dict[str, np.ndarray] = {}
    summaries, measured = {}, {}
    kinds = list_classifiers(classifiers)
    with workers.open() as pool, pool.joblib() as n_jobs:
        fitted = fit_grids(kinds, views, n_jobs, progress)
        for name in kinds:
            best = keep_best(fitted[name], views, pca)
            summaries[name], measured[name] = best.pop("summary"), best.pop("measured")
            measured[name]["train_seconds"] += seconds_to_fit  # each would need the components by itself
            measured[name]["predict_ms_per_image"] += ms_to_project
            probabilities |= {f"{name}/{split}": values for split, values in best.items()}
    save_arrays(out / "probabilities.npz", **probabilities)
    write_json(out / "classifiers.json", summaries)
    write_json(out / MEASURED, measured)


def fit_components(train: np.ndarray, n_components: int, seed: int) -> PCA:
    """Fit principal components to the first PROJECTION_IMAGES of (n, n_features) features, which are in random order.

    Args:
        n_components: at most half the number of images.
    """
    from sklearn.decomposition import PCA

    chosen = train[:PROJECTION_IMAGES].astype("float32")
    n_components = min(n_components, len(chosen) // 2, chosen.shape[1])
    with threadpoolctl.threadpool_limits(1):
        pca = PCA(n_components, svd_solver="randomized", iterated_power=1, random_state=seed).fit(chosen)
    kept = pca.explained_variance_ >= LEAST_VARIANCE * pca.explained_variance_.max()
    pca.components_ = pca.components_[kept]  # others would be rounding errors, scaled to the size of the rest
    return pca


def project(pca: PCA, features: np.ndarray) -> np.ndarray:
    """Project (n, n_features) features to (n, n_components) float32, without a copy of all in that precision."""
    starts = range(0, len(features), ROWS)
    with threadpoolctl.threadpool_limits(1):
        return np.concatenate([pca.transform(features[first : first + ROWS].astype("float32")) for first in starts])


@dataclass(frozen=True)
class Views:
    """Projected features of training images (n_train, n_components), and of all views of the others; labels (n,)."""

    train: np.ndarray
    y_train: np.ndarray
    val: list[np.ndarray]
    y_val: np.ndarray
    test: list[np.ndarray]


def mix_views(store: FeatureStore, seed: int) -> np.ndarray:
    """Draw one of the views of each training image; return (n, n_features) float16."""
    mixed = store.pooled("train", store.views[0])
    drawn = np.random.default_rng(seed).integers(0, len(store.views), len(mixed))
    for number, view in enumerate(store.views[1:], 1):
        for first in range(0, len(mixed), ROWS):
            block = slice(first, min(first + ROWS, len(mixed)))
            rows = drawn[block] == number
            mixed[block][rows] = store.pooled("train", view, len(rows), first)[rows]
    return mixed


@dataclass(frozen=True)
class Kind:
    """Candidate values of a classifier's hyperparameter, and a function from a value to an unfitted pipeline.

    width: number of principal components that it reads, the first; None for all.
    """

    values: tuple
    build: typing.Callable[[typing.Any], typing.Any]
    width: int | None = None


def list_classifiers(settings: ClassifierSettings) -> dict[str, Kind]:
    """List the classifiers by name, the slowest to fit first."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "logistic_regression": Kind(
            settings.logistic_c,  # components of equal variance make it converge quickly
            lambda c: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=60)),
        ),
        "k_neighbours": Kind(
            settings.neighbours,
            lambda k: make_pipeline(KNeighborsClassifier(k, weights="distance", algorithm="brute")),
            settings.neighbour_components,
        ),
        "lda": Kind(
            settings.shrinkage, lambda s: make_pipeline(LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s))
        ),
    }


def extend_grid(tried: dict[typing.Any, float]) -> typing.Any | None:
    """Return the next value if the best of those tried is the smallest or largest; otherwise None.

    Args:
        tried: validation accuracies by value, at least two; values are positive, and integers remain integers.
    """
    values = sorted(tried)
    if len(values) < 2:
        return None
    best = max(reversed(values), key=tried.__getitem__)
    if best not in (values[0], values[-1]):
        return None
    ratio = values[1] / values[0] if best == values[0] else values[-2] / values[-1]
    further = best / ratio
    if isinstance(best, int):
        further = max(1, round(further))
    elif best < 1:
        further = min(further, (1 + best) / 2)  # shrinkage is at most 1; values of C here are smaller
    return further if further not in tried else None


@dataclass(frozen=True)
class FittedClassifier:
    """A fitted classifier, the number of components that it reads, its validation probabilities and accuracy.

    seconds: of the fit only.
    """

    classifier: typing.Any
    width: int
    val: np.ndarray
    val_accuracy: float
    seconds: float


def _fit(kind: Kind, value: typing.Any, views: Views) -> FittedClassifier:
    started, classifier = time.monotonic(), kind.build(value)
    train = views.train[:, : kind.width]
    with _alone():
        classifier.fit(train, views.y_train)
        seconds = time.monotonic() - started
        val = _predict(classifier, views.val, train.shape[1])
    return FittedClassifier(classifier, train.shape[1], val, measure_accuracy(val, views.y_val), seconds)


def _predict(classifier, views: list[np.ndarray], width: int) -> np.ndarray:
    """Return the probabilities, averaged over views, (n, classes) float32."""
    return np.mean([classifier.predict_proba(view[:, :width]) for view in views], axis=0).astype("float32")


@contextlib.contextmanager
def _alone() -> typing.Iterator[None]:
    """Run each fit in one thread, so that sums have the same order on every machine and worker."""
    from sklearn.exceptions import ConvergenceWarning

    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # logistic regression stops early on purpose
        yield


def fit_grids(kinds: dict[str, Kind], views: Views, n_jobs: int, progress: Position) -> dict[str, dict]:
    """Fit every classifier with each value of its grid, and with further values if the best is at an edge.

    The fits of all classifiers run in parallel, so that no processor is idle; in this process, AT_ONCE at a time.

    Args:
        n_jobs: as in joblib; negative for the workers of a cluster.

    Returns:
        {name: {value: FittedClassifier}}.
    """
    import joblib

    n_jobs = min(n_jobs, AT_ONCE)
    fitted: dict[str, dict] = {name: {} for name in kinds}
    waiting = [(name, value) for name, kind in kinds.items() for value in kind.values]
    while waiting:
        n_done = sum(map(len, fitted.values()))
        progress.update(n_done, n_done + len(waiting), ", ".join(dict.fromkeys(name for name, _ in waiting)))
        with _alone():  # also covers threads that end at different times
            done = joblib.Parallel(n_jobs, prefer="threads")(
                joblib.delayed(_fit)(kinds[name], value, views) for name, value in waiting
            )
        for (name, value), found in zip(waiting, done, strict=True):
            fitted[name][value] = found
        waiting = []
        for name, kind in kinds.items():
            if len(fitted[name]) < len(kind.values) + MOST_EXTENSIONS:
                further = extend_grid({value: found.val_accuracy for value, found in fitted[name].items()})
                waiting += [(name, further)] if further is not None else []
    return fitted


def keep_best(fitted: dict[typing.Any, FittedClassifier], views: Views, pca: PCA) -> dict[str, typing.Any]:
    """Keep the best of a classifier's fits (among ties, the largest value) and predict the test images.

    Returns:
        summary: parameter, tried, val_accuracy, n_params, macs, n_views, n_components. measured: train_seconds, of
        the fit that is kept, and predict_ms_per_image. val, test: probabilities.
    """
    best = max(sorted(fitted, reverse=True), key=lambda value: fitted[value].val_accuracy)
    kept, started = fitted[best], time.perf_counter()
    with _alone():
        test = _predict(kept.classifier, views.test, kept.width)
    ms_per_image = 1e3 * (time.perf_counter() - started) / len(test) / len(views.test)
    summary = {"parameter": best, "tried": [[value, fitted[value].val_accuracy] for value in sorted(fitted)]}
    summary |= {"val_accuracy": kept.val_accuracy, **count_costs(kept, len(views.train), pca)}
    summary |= {"n_views": len(views.test), "n_components": kept.width}
    measured = {"train_seconds": kept.seconds, "predict_ms_per_image": ms_per_image}
    return {"summary": summary, "measured": measured, "val": kept.val, "test": test}


def count_costs(fitted: FittedClassifier, n_train: int, pca: PCA) -> dict[str, int]:
    """Count the parameters and multiply-accumulate operations for one view of one image, from its features.

    Nearest neighbours store all n_train training images.
    """
    n_features, width = pca.components_.shape[1], fitted.width
    n_params, macs = width * n_features + n_features, width * n_features
    for _, step in fitted.classifier.steps:
        if hasattr(step, "coef_"):
            n_params, macs = n_params + step.coef_.size + step.intercept_.size, macs + step.coef_.size
        elif hasattr(step, "scale_"):
            n_params += step.scale_.size + step.mean_.size
        else:
            n_params, macs = n_params + n_train * width, macs + n_train * width
    return {"n_params": int(n_params), "macs": int(macs)}
