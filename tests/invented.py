"""Synthetic results documents: complete, consistent, and randomised by a seed."""

import dataclasses
import itertools
from unittest import mock

import numpy as np

from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.data.split import DatasetInfo
from fmnist_report.evaluation.calibration import calibration_error
from fmnist_report.evaluation.candidates import Candidate
from fmnist_report.evaluation.comparison import compare_pairs, difference_of_accuracies
from fmnist_report.evaluation.mechanisms import judge_blocks, judge_permutation, locate_heat
from fmnist_report.evaluation.metrics import score_classes
from fmnist_report.evaluation.results import RENDERING, assemble_results
from fmnist_report.evaluation.test_set import evaluate
from fmnist_report.experiments.study import rank_factors
from fmnist_report.networks import (
    COMPARED,
    CONTROL,
    NETWORKS,
    ON_FEATURES,
    PAIRS,
    make_trial_specs,
    network_of_stage,
    stages_of_part,
)
from fmnist_report.pipeline.cache import MEASURED
from fmnist_report.pipeline.files import write_json
from fmnist_report.pipeline.progress import Progress
from fmnist_report.presets import preset
from fmnist_report.report.full_runs import average_seeds
from fmnist_report.report.title_page import read_document
from fmnist_report.training.metrics import measure_accuracy, wilson_interval
from run_all import build_pipeline

NAMES = list(dict.fromkeys([*COMPARED, *(row.name for row in ON_FEATURES), CONTROL.name]))
N_CLASSES = 10
CONFUSED = np.arange(1, N_CLASSES)  # the further a class, the more rarely it is confused with


def invent_results(accuracy, n_test=400, n_classes=10, seed=0, n_val=200, **parts):
    """Invent a results document.

    Args:
        accuracy: {model: desired accuracy}; 0.9 for models that are not listed.
        parts: replacements of whole parts of the document.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n_test) % n_classes)
    luck = rng.random(n_test)  # shared, so that networks are right on mostly the same images
    models, correct = {}, {}
    for name in NAMES:
        wanted = accuracy.get(name, 0.9)
        own = np.where(rng.random(n_test) < 0.85, luck, rng.random(n_test))
        wrong = np.zeros(n_test, bool)
        wrong[np.argsort(own)[round(wanted * n_test) :]] = True
        predicted = np.where(wrong, (labels + rng.integers(1, max(2, n_classes), n_test)) % n_classes, labels)
        correct[name] = predicted == labels
        models[name] = invent_model(labels, predicted, n_classes, n_val, rng)
    document = {
        "data": {"n_test": n_test, "n_val": n_val, "n_train": 1_000},
        "models": models,
        "comparisons": compare_pairs(correct, PAIRS),
        "chosen_classifier": max((row.name for row in ON_FEATURES), key=lambda name: models[name]["val_accuracy"]),
        "study": {"baselines": {}, "factors": [], "rows": [], "ablations": {}, "n_steps": {}},
        "inputs": {"rows": [], "n_val": 100},
        "reference": {"difference": 0.01 * rng.normal(), "low": -0.004, "high": 0.02},
        "mechanisms": invent_mechanisms(rng),
        "run": {"preset": "standard", "settings": dataclasses.asdict(preset("standard"))},
        "journal": [],
        "n_evaluations": 1,
        "full_runs": [],
        "tried": {"preset": "best", "rows": []},
    }
    return document | parts


def invent_mechanisms(rng):
    """Invent measurements behind the explanations, as evaluation.mechanisms returns them."""
    stages = stages_of_part(1)
    runs = {stage: {arm: rng.normal(mean, 0.003, 3).tolist() for arm, mean in
                    (("whole", 0.88), ("permuted", rng.choice([0.83, 0.875, 0.88])))} for stage in stages}  # fmt: skip
    measured = {"n_train": 400, "n_val": 200, "n_steps": 100, "runs": runs}
    share = rng.uniform(0.6, 0.9, 5)
    share[-1] = rng.choice([0.6, 0.8, 0.92])
    correct = {f"frozen/{block}": rng.random(400) < share[block - 1] for block in range(1, 6)}
    correct |= {f"tuned/{block}": rng.random(400) < min(1, share[block - 1] + 0.03 * block) for block in range(1, 6)}
    spearman = float(rng.uniform(-0.5, 0.9))
    likeness = {"n_pairs": 45, "spearman": spearman, "p_value": float(rng.choice([0.001, 0.3])), "likeness": [[1.0]]}
    return {
        "permutation": judge_permutation(measured), "blocks": judge_blocks({"n_train": np.array(500), **correct}),
        "heat": locate_heat(invent_heat(rng)),
        "likeness": likeness if rng.random() < 0.8 else None,
    }  # fmt: skip


def invent_heat(rng, n=8):
    """Invent heat maps of both parts, as in explain.npz; some are empty."""
    arrays = {}
    for part, network in (("part1", "cnn"), ("part2", "vgg_finetuned")):
        labels = rng.integers(0, N_CLASSES, n)
        right = np.arange(n) < rng.integers(0, n + 1)
        heat = rng.random((n, 4, 4)) ** 3 * rng.choice([0.0, 0.1, 1.0], (n, 4, 1))
        arrays |= {f"{part}/labels": labels, f"{network}/predicted": np.where(right, labels, (labels + 1) % N_CLASSES)}
        arrays[f"{network}/heat"] = heat * rng.choice([0, 1], (n, 1, 1), p=[0.2, 0.8])
    return arrays


def invent_model(labels, predicted, n_classes, n_val, rng):
    n_test, share = len(labels), float((predicted == labels).mean())
    confusion = np.zeros((n_classes, n_classes), int)
    np.add.at(confusion, (labels, predicted), 1)
    n_right = int(np.clip(round(share * n_val) + rng.integers(-4, 9), 0, n_val))
    n_clean = int(np.clip(n_right + rng.integers(-5, 40), 0, n_val))
    probabilities = np.full((n_test, n_classes), 0.1 / n_classes)
    probabilities[np.arange(n_test), predicted] += 1 - probabilities.sum(axis=1)
    difference, low, high = difference_of_accuracies(n_right / n_val, n_val, share, n_test)
    epochs = int(rng.integers(1, 6))
    return {
        "test_accuracy": share,
        "test_accuracy_ci95": list(wilson_interval(int((predicted == labels).sum()), n_test)),
        "val_accuracy": n_right / n_val,
        "val_minus_test": {"difference": difference, "low": low, "high": high},
        "train_eval": {"n": n_val, "train_accuracy": n_clean / n_val, "train_loss": 0.2},
        "ece": calibration_error(probabilities, labels),
        "ece_scaled": 0.01,
        "n_params": int(rng.integers(1, 10**7)),
        "macs_per_prediction": int(rng.integers(1, 10**8)),
        "total_seconds": float(rng.uniform(1, 1_000)),
        "confusion": confusion.tolist(),
        "per_class": score_classes(labels, predicted, n_classes),
        "history": invent_history(
            [float(value) for value in rng.choice([0.2, 0.201, 0.207, 0.21, 0.3], epochs)],
            [float(value) for value in rng.choice([0.9, 0.90004, 0.91], epochs)],
        ),
    }


def invent_history(losses, accuracies):
    """Return validation losses, the same before and after temperature scaling, and accuracies, at a constant rate."""
    rates = [1e-3] * len(losses)
    return {"val_loss": losses, "val_scaled_loss": losses, "val_accuracy": accuracies, "learning_rate": rates}


def invent_study(rng, networks=("cnn", "head", "finetune")):
    """Invent a study of the given networks."""
    factors = {
        "cnn": ("kernel", "shift", "optimizer"),
        "head": ("layers", "width"),
        "finetune": ("unfreeze", "dropout"),
    }
    tried = [{"value": "0.001", "val_loss": 0.4}, {"value": "0.002", "val_loss": 0.3}]
    bases, rows = {}, []
    for network in networks:
        half = float(rng.choice([0.004, 0.01]))
        bases[network] = {"half_width": half, "accuracies": [0.9, 0.91], "losses": [0.3, 0.32], "mean": 0.31,
                          "sd": 0.01, "batch_size": 64, "optimizer": "adamw", "learning_rate": 0.002,
                          "rates": tried}  # fmt: skip
        for factor in factors[network]:
            for value, choices in (("4", [0.0]), ("5", [-0.03, -0.01, 0.0, 0.002, 0.03]), ("6", [-0.03, 0.0, 0.02])):
                effect = float(rng.choice(choices))
                ranked, chosen = factor != "optimizer", value == "4"
                beyond = ranked and not chosen and abs(effect) > half
                longer = effect * float(rng.choice([-1, 0.5])) if beyond else None
                rows.append({"network": network, "group": "structure", "factor": factor, "value": value,
                             "effect": effect, "val_loss": 0.31 + effect, "val_accuracy": 0.91 - effect,
                             "chosen": chosen, "ranked": ranked, "exceeds_noise": beyond, "longer_effect": longer,
                             "confirmed": beyond and longer * effect > 0, "seconds": 1.0})  # fmt: skip
    n_steps = {name: 100 for name in factors}
    return {"baselines": bases, "factors": rank_factors(rows), "rows": rows, "ablations": {}, "n_steps": n_steps,
            "n_seeds": 2, "longer": 4, "n_train": 400, "n_val": 200, "feature_train": 300,
            "feature_val": 100}  # fmt: skip


def invent_ablation(gains, half=0.01, first=0.8):
    """Invent the steps of an ablation."""
    rows, accuracy = [{"network": "cnn", "component": "start", "val_accuracy": first}], first
    for gain, component in zip(gains, ("batch_norm", "residual", "widths", "shift", "mirror"), strict=False):
        accuracy += gain
        rows.append({"network": "cnn", "component": component, "val_accuracy": accuracy, "gain": gain,
                     "low": gain - half, "high": gain + half, "exceeds_noise": abs(gain) > half})  # fmt: skip
    return rows


def invent_journal(rng, stages=("mlp", "cnn", "head", "finetune"), n_seeds=2):
    """Invent the reader's own full runs: the chosen settings, and three changes of each network, with several seeds."""
    changes = ({}, {"dropout": "0.4"}, {"learning_rate": "0.002", "batch_size": "64"}, {"data.n_train": "900"})
    rows = []
    for stage in stages:
        for changed in changes:
            accuracy, loss = float(rng.normal(0.9, 0.01)), float(rng.normal(0.3, 0.02))
            rows += [{"stage": stage, "changes": changed, "seed": seed, "val_accuracy": accuracy + rng.normal(0, 0.002),
                      "val_loss": loss + rng.normal(0, 0.004), "seconds": 9.0, "date": f"2026-01-{10 + seed}",
                      "note": "Менше помилок" if changed else ""} for seed in range(n_seeds)]  # fmt: skip
    return rows


def invent_candidate(probabilities, n_views=1, **summary):
    """Invent a candidate whose validation and test probabilities are the same."""
    common = {"n_params": 10, "n_trainable": 5, "macs": 100, "train_seconds": 2.0, "predict_ms_per_image": 0.5}
    given = {**common, "layers": [], "n_views": n_views, **summary}
    return Candidate(np.asarray(probabilities, "float32"), np.asarray(probabilities, "float32"), given, {})


def invent_run(folder, settings, seed=0, n_val=1_000, n_test=2_000):
    """Write the entries of an invented run and evaluate them.

    Args:
        folder: receives one folder per stage that leads to results.

    Returns:
        The results document, as in results.json, with earlier full runs.
    """
    rng, n = np.random.default_rng(seed), {"train": settings.data.n_train, "val": n_val, "test": n_test}
    stages = [stage.name for stage in build_pipeline(settings, read_document([], None), find_data_set(None), folder)]
    trained = {row.stage: row for row in (*NETWORKS, *ON_FEATURES, CONTROL) if row.stage not in ("", "classifiers")}
    names = ("data", "features", "classifiers", "study", "inputs", "duplicates", "browser_model", "reference",
             "permutation", "blocks", "explain", "seeds")  # fmt: skip
    entries = {name: folder / name for name in (*names, *trained)}
    for entry in (*entries.values(), folder / "evaluation"):
        entry.mkdir()
    images = invent_data(entries["data"], n, rng)
    base = invent_base(settings.features.size)
    write_features(entries["features"], settings, base)
    for stage, row in trained.items():
        layers = invent_layers(row, base)
        write_network(entries[stage], getattr(settings, stage, settings.finetune), layers, images, rng)
    write_classifiers(entries["classifiers"], images, rng)
    write_seeds(entries["seeds"], stages, images, rng)
    write_study(entries, settings, rng)
    write_json(entries["inputs"] / "inputs.json", invent_inputs(settings, rng))
    write_duplicates(entries["duplicates"], settings, images, rng)
    classes = {split: np.where(images[split]["luck"] < 0.88, images[split]["label"], images[split]["trap"])
               for split in ("val", "test")}  # fmt: skip
    np.savez(entries["reference"] / "reference.npz", **classes)
    write_mechanisms(entries, settings, n_val, rng)
    np.savez(entries["explain"] / "explain.npz", **invent_heat(rng))
    write_browser_model(entries["browser_model"], entries["cnn"], rng)
    evaluate(folder / "evaluation", Progress(quiet=True), data_sha256="5a" * 32, **entries)
    started = "2026-01-02T03:04:05+00:00"
    rows = [{"name": name, "key": f"{number:064x}", "seconds": float(rng.uniform(1, 900)), "created": started,
             "status": str(rng.choice(["cached", "computed"]))}
            for number, name in enumerate(stages) if name.partition("-")[0] not in RENDERING]  # fmt: skip
    run = {"id": "invented", "started": started, "seconds": 5.0}
    document = assemble_results(folder / "evaluation", settings, run, rows)
    document["run"]["hardware"] = {"processor": "Invented", "cores": 2, "memory_gib": 8.0, "system": "Linux"}
    return document | invent_full_runs(document["study"]["rows"], rng)


def invent_data(folder, n, rng):
    """Write a data entry with n[split] images of 4 × 4 pixels.

    Returns:
        By split: label (n,), luck (n,), the share of classifiers that get an image right, and trap (n,), the class with
        which it is confused.
    """
    found = {}
    for split, count in n.items():
        label = rng.permutation(np.arange(count) % N_CLASSES)
        trap = (label + rng.choice(range(1, N_CLASSES), count, p=1 / CONFUSED / (1 / CONFUSED).sum())) % N_CLASSES
        found[split] = {"label": label, "luck": rng.random(count), "trap": trap}
    images = {split: rng.integers(0, 256, (count, 4, 4)).astype("uint8") for split, count in n.items()}
    np.savez(folder / "images.npz", **images)
    np.savez(folder / "labels.npz", **{split: found[split]["label"] for split in ("train", "val")})
    np.savez(folder / "test_labels.npz", test=found["test"]["label"])
    write_json(folder / "dataset.json", dataclasses.asdict(DatasetInfo()))
    return found


def invent_probabilities(images, accuracy, rng):
    """Return (n, classes) float32 probabilities of the given accuracy, right on mostly the same images as others."""
    n = len(images["label"])
    luck, trap = (np.where(rng.random(n) < 0.85, images[key], other)
                  for key, other in (("luck", rng.random(n)), ("trap", (images["label"] + 1) % N_CLASSES)))  # fmt: skip
    wrong = np.argsort(np.argsort(luck)) >= round(accuracy * n)
    predicted = np.where(wrong, trap, images["label"])
    confidence = 0.55 + 0.44 * np.where(wrong, rng.beta(2, 2, n), rng.beta(8, 1, n))
    rest = rng.random((n, N_CLASSES))
    rest[np.arange(n), predicted] = 0
    found = rest * ((1 - confidence) / rest.sum(axis=1))[:, None]
    found[np.arange(n), predicted] = confidence
    return found.astype("float32")


def layer(name, kind, shape, n_params=0, trainable=True):
    """Return a row of describe_layers."""
    macs = n_params * int(np.prod(shape[:-1])) if kind in ("Conv2D", "Dense") else 0
    return {"name": name, "type": kind, "output_shape": list(shape), "n_params": n_params,
            "n_trainable": n_params * trainable, "macs": macs}  # fmt: skip


def invent_base(side):
    """Return the layers of a frozen base of five blocks."""
    rows = [layer("pixels", "InputLayer", (side, side, 3))]
    for block, (n_in, n_out) in enumerate(itertools.pairwise((3, 64, 128, 256, 512, 512)), 1):
        rows.append(layer(f"block{block}_conv1", "Conv2D", (side, side, n_out), 9 * n_in * n_out + n_out, False))
        side //= 2
        rows.append(layer(f"block{block}_pool", "MaxPooling2D", (side, side, n_out)))
    return rows


def invent_layers(row, base):
    """Return the layers of a network of the table: a small one of its own, after the base if it is part of it."""
    if row.part == 2:
        own = [layer("hidden", "Dense", (64,), 3_328 * 64 + 64), layer("logits", "Dense", (N_CLASSES,), 650)]
        apart = row in ON_FEATURES or row == CONTROL
        return own if apart else [*base[:-2], {**base[-2], "n_trainable": base[-2]["n_params"]}, base[-1], *own]
    return [
        layer("image", "InputLayer", (28, 28, 1)), layer("stem_conv", "Conv2D", (28, 28, 16), 160),
        layer("stem_norm", "BatchNormalization", (28, 28, 16), 64), layer("stem_pool", "MaxPooling2D", (14, 14, 16)),
        layer("flatten", "Flatten", (3136,)), layer("logits", "Dense", (N_CLASSES,), 31_370),
    ]  # fmt: skip


def write_network(folder, settings, layers, images, rng):
    """Write what the stage of a network writes, without its weights."""
    accuracy = {"val": rng.uniform(0.91, 0.96), "test": rng.uniform(0.9, 0.955), "original": 0.905}
    arrays = {split: invent_probabilities(images[split], accuracy[split], rng) for split in ("val", "test")}
    np.savez(folder / "probabilities.npz", **arrays,
             val_original=invent_probabilities(images["val"], accuracy["original"], rng))  # fmt: skip
    progress = 1 - 0.9 ** np.arange(1, settings.epochs + 1)
    history = {name: (start + (end - start) * progress + rng.normal(0, 0.002, settings.epochs)).tolist()
               for name, start, end in (("loss", 0.9, 0.15), ("accuracy", 0.6, 0.96), ("val_loss", 0.8, 0.2),
                                        ("val_scaled_loss", 0.7, 0.18),
                                        ("val_accuracy", 0.7, accuracy["val"]))}  # fmt: skip
    history["learning_rate"] = [1e-3] * settings.epochs
    history["val_accuracy"][-1] = measure_accuracy(arrays["val"], images["val"]["label"])
    write_json(folder / "history.json", history)
    sums = {name: sum(row[name] for row in layers) for name in ("n_params", "n_trainable", "macs")}
    write_json(folder / "summary.json", {**sums, "layers": layers, "precision": "float32"})
    clean = {"n": len(images["val"]["label"]), "train_accuracy": float(rng.uniform(0.92, 0.99)), "train_loss": 0.2}
    write_json(folder / "train_eval.json", clean)
    seconds = rng.uniform(1, 30, settings.epochs).tolist()
    write_json(folder / MEASURED, {"train_seconds": sum(seconds), "epoch_seconds": seconds,
                                   "predict_ms_per_image": float(rng.uniform(0.1, 5))})  # fmt: skip


def write_features(folder, settings, base):
    """Write the description of a features entry."""
    side = settings.features.size // 16
    pooled = {"block3_grid": (side, side, 256), "block4_gap": (512,), "block5_gap": (512,)}
    cost = {name: sum(row[name] for row in base) for name in ("n_params", "macs")}
    write_json(folder / "index.json", {
        "backbone": settings.features.backbone, "size": settings.features.size, "precision": "float32",
        "runtime": "mnn",
        "pooled": pooled, "base": {**cost, "layers": base},
        "entered": {"scale": [1.0] * 3, "offset": [-103.939, -116.779, -123.68]},
    })  # fmt: skip
    speed = {"inference": {"float32": 60.0, "bfloat16": 20.0}, "training": {"float32": 110.0}, "mnn": 130.0}
    write_json(folder / MEASURED, {"seconds": 300.0, "predict_ms_per_image": 2.0, "speed": speed})


def write_classifiers(folder, images, rng):
    """Write what the stage of the scikit-learn classifiers writes."""
    names = [row.name.removeprefix("vgg_") for row in ON_FEATURES if row.stage == "classifiers"]
    arrays = {f"{name}/{split}": invent_probabilities(images[split], rng.uniform(0.88, 0.95), rng)
              for name in names for split in ("val", "test")}  # fmt: skip
    np.savez(folder / "probabilities.npz", **arrays)
    write_json(folder / "classifiers.json", {
        name: {"parameter": 0.01, "tried": [[0.01, 0.9]], "n_params": 33_290, "macs": 33_280, "n_views": 2,
               "n_components": 1536, "val_accuracy": measure_accuracy(arrays[f"{name}/val"], images["val"]["label"])}
        for name in names
    })  # fmt: skip
    times = {"train_seconds": 3.0, "predict_ms_per_image": 0.1}
    write_json(folder / MEASURED, dict.fromkeys(names, times))


def write_seeds(folder, stages, images, rng):
    """Write the probabilities of the repeated stages, named <stage>-<number>."""
    found = {}
    for name in stages:
        stage, _, number = name.partition("-")
        for split in ("val", "test") if number.isdigit() else ():
            probabilities = invent_probabilities(images[split], rng.uniform(0.9, 0.95), rng)
            found.setdefault(f"{network_of_stage(stage)}/{split}", []).append(probabilities)
    np.savez(folder / "seeds.npz", **{name: np.stack(values) for name, values in found.items()})


def write_study(entries, settings, rng):
    """Run the stage study with invented accuracies in place of training."""
    from fmnist_report.experiments import study

    changes = {"precision": "float32"}
    networks = {name: dataclasses.replace(spec, settings=dataclasses.replace(
                    spec.settings, **changes if hasattr(spec.settings, "precision") else {}))
                for name, spec in make_trial_specs(settings).items()}  # fmt: skip

    known = {}

    def invent(runs, **others):
        for run in runs:
            whose = (run.network, dataclasses.replace(run.settings, **{"learning_rate": 1.0}), run.layers)
            effect = known.setdefault(whose, float(rng.choice([-0.04, -0.001, 0.0, 0.001, 0.1])))
            loss = 0.3 + effect + 0.01 * run.seed + float(rng.normal(0, 0.002))
            reached = {"val_accuracy": 0.9 - effect, "val_loss": loss, "seconds": 1.0}
            known.setdefault(run.describe(), reached | {
                "val_accuracy_one_view": 0.898 - effect, "val_loss_one_view": loss + 0.01})  # fmt: skip
        return {name: found for name, found in known.items() if isinstance(name, str)}

    with mock.patch.object(study, "train_missing", invent):
        folders = {name: entries[name] for name in ("data", "features")} | {"weights": entries["features"]}
        study.run_study(entries["study"], Progress(quiet=True), study=settings.study, networks=networks, seed=0,
                        **folders)  # fmt: skip


def invent_inputs(settings, rng):
    """Return the document of the stage inputs."""
    from fmnist_report.experiments.inputs import CONVERSION_EPOCHS, list_variants

    rows, reached, n_val = list_variants(settings.features.size), {}, settings.inputs.n_val
    for row in rows:
        n_right = reached.setdefault(str(sorted(row.pop("way").items())), int(rng.uniform(0.8, 0.92) * n_val))
        row |= {"network": "vgg_input", "group": "input", "val_accuracy": n_right / n_val, "seconds": 1.0,
                "ci95": list(wilson_interval(n_right, n_val))}  # fmt: skip
    return {"n_train": settings.inputs.n_train, "n_val": n_val, "conversion_epochs": CONVERSION_EPOCHS, "rows": rows}


def write_duplicates(folder, settings, images, rng):
    """Write what the stage duplicates writes."""
    near = {split: rng.random(len(images[split]["label"])) < 0.01 for split in ("val", "test")}
    counts = {split: {"n": len(found), "n_exact": 0, "n_near": int(found.sum()), "n_near_pixels": int(found.sum()),
                      "n_near_features": int(found[::2].sum())} for split, found in near.items()}  # fmt: skip
    shown = (settings.duplicates.rms + np.linspace(-0.2, 0.3, 6)).tolist()
    write_json(folder / "duplicates.json", {**dataclasses.asdict(settings.duplicates), **counts, "shown_rms": shown})
    n_test = len(near["test"])
    arrays = {"pairs": rng.integers(0, 256, (2, 6, 4, 4)).astype("uint8"), "rms": rng.uniform(9, 40, n_test)}
    neighbours = rng.integers(0, len(images["train"]["label"]), n_test)
    np.savez(folder / "duplicates.npz", **near, **arrays, neighbours=neighbours)


def write_mechanisms(entries, settings, n_val, rng):
    """Write what the stages permutation and blocks write: permuting costs all networks but the perceptron accuracy."""
    runs = {stage: {"whole": rng.normal(0.88, 0.002, 3).tolist(),
                    "permuted": rng.normal(0.88 if stage == "mlp" else 0.83, 0.002, 3).tolist()}
            for stage in stages_of_part(1)}  # fmt: skip
    counts = {"n_train": settings.mechanisms.n_train, "n_val": n_val, "n_steps": settings.mechanisms.steps}
    write_json(entries["permutation"] / "permutation.json", {**counts, "runs": runs})
    shares = {"frozen": (0.6, 0.75, 0.88, 0.85, 0.8), "tuned": (0.6, 0.75, 0.88, 0.87, 0.9)}
    n_train = settings.mechanisms.block_train
    np.savez(entries["blocks"] / "blocks.npz", n_train=n_train, **{
        f"{state}/{block}": rng.random(n_val) < share for state, found in shares.items()
        for block, share in enumerate(found, 1)
    })  # fmt: skip


def write_browser_model(folder, cnn, rng):
    """Write what the stage browser_model writes: its weights are noise, and some predictions differ from the CNN's."""
    probabilities = np.load(cnn / "probabilities.npz")["test"]
    probabilities[:9] = np.roll(probabilities[:9], 1, axis=1)
    write_json(folder / "browser_model.json", {"fits": True, "operations": [], "mirror": True})
    np.savez(folder / "browser_model.npz", whole=rng.integers(-9, 9, 9).astype("int8"), fine=np.ones(9, "float32"),
             test=probabilities)  # fmt: skip


def invent_full_runs(rows, rng):
    """Return earlier full runs of the values of a study, and of best with few changes, as read_full_runs does."""
    full = [{"stage": "mlp", "factor": "split_seed", "value": str(split), "seed": 0} for split in (1, 2)]
    for stage in ("cnn", "finetune"):
        full += [{"stage": stage, "factor": "", "value": "", "seed": seed} for seed in range(3)]
        full += [{"stage": stage, "factor": row["factor"], "value": row["value"], "seed": 0}
                 for row in rows if row["network"] == stage and not row["chosen"]]  # fmt: skip
    for row in full:
        row |= {"val_accuracy": float(rng.normal(0.95, 0.002)), "val_loss": float(rng.uniform(0.15, 0.25))}
        row["date"] = f"2026-01-{rng.integers(10, 30)}"
    tried = [{"stage": stage, "changes": changes, "val_accuracy": 0.92 + effect, "effect": effect}
             for stage in ("mlp", "cnn")
             for changes, effect in (({}, 0.0), ({"dropout": "0.3"}, float(rng.normal(0, 0.002))))]  # fmt: skip
    return {
        "journal": [],
        "n_evaluations": 1,
        "full_runs": average_seeds(full),
        "tried": {"preset": "best", "rows": tried},
    }
