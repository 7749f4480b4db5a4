#!/usr/bin/env python3
"""Train, cache, compare and explain: `python run_all.py` runs the line below, top to bottom."""

import dataclasses
import functools
import sys
from pathlib import Path

from fmnist_report.doctor import stop_if_incomplete

if __name__ == "__main__":
    stop_if_incomplete()  # in one sentence, before anything outside the standard library is imported

from fmnist_report.cli import main
from fmnist_report.cluster import HERE, Workers
from fmnist_report.data_sets import DataSet
from fmnist_report.document import Document
from fmnist_report.hardware import find_backend
from fmnist_report.settings import Settings
from fmnist_report.sources import weights_content
from fmnist_report.stages import Stage, repeat

TRAINING = ("keras", find_backend(), "numpy")


def build_line(
    s: Settings, document: Document, data_set: DataSet, cache_dir: Path, workers: Workers = HERE, no_test: bool = False
) -> list[Stage]:
    """List the stages in order; what each one depends on is what it is given here.

    Args:
        no_test: end the line with the figures on validation; the test labels stay closed.
    """
    at = "fmnist_report."
    seed = {"seed": s.seed}
    exact = {"operations": "deterministic"} if s.deterministic else {}
    pieces = {"workers": workers}  # for stages of independent pieces
    training = functools.partial(Stage, packages=TRAINING, digests=exact, resumes=True)

    content = {"the data set": data_set.sha256}
    if data_set.is_own:
        how = {"mirror": data_set.mirror, "transposed": data_set.transposed}
        places = {"data_set": data_set}
        data = Stage("data", at + "own_data:prepare_own_data", {"data": s.data, **how}, digests=content, places=places)
    else:
        places = {"data_dir": data_set.folder, "cache_dir": cache_dir}
        data = Stage("data", at + "data:prepare_data", {"data": s.data}, digests=content, places=places)
    weights = Stage(
        "weights",
        at + "weights:prepare_weights",
        {"backbone": s.features.backbone},
        packages=("keras",),
        digests=weights_content(s.features.backbone, cache_dir),
        places={"cache_dir": cache_dir},
    )

    mlp = training("mlp", at + "training:train_mlp", {"mlp": s.mlp, **seed}, {"data": data})
    cnn = training("cnn", at + "training:train_cnn", {"cnn": s.cnn, **seed}, {"data": data})

    features = training(
        "features",
        at + "features:extract_features",
        {"features": s.features, "unfreeze": s.finetune.unfreeze},
        {"data": data, "weights": weights},
        places=pieces,
    )
    overlap = Stage(
        "overlap",
        at + "overlap:find_overlap",
        {"overlap": s.overlap},
        {"data": data, "features": features},
        ("numpy",),
    )
    classifiers = Stage(
        "classifiers",
        at + "classifiers:fit_classifiers",
        {"classifiers": s.classifiers, **seed},
        {"data": data, "features": features},
        ("scikit-learn", "numpy"),
        places=pieces,
    )
    head = training(
        "head",
        at + "classifiers:fit_head",
        {"head": s.head, **seed},
        {"data": data, "features": features},
    )
    finetune = training(
        "finetune",
        at + "finetune:fine_tune",
        {"finetune": s.finetune, "head_settings": s.head, **seed},
        {"data": data, "weights": weights, "features": features, "head": head},
    )

    repeated = {}
    for number in range(1, s.seeds.n):
        again = {stage.name: repeat(stage, number) for stage in (mlp, cnn, head)}
        again["finetune"] = repeat(finetune, number, head=again["head"])
        repeated |= {f"{name}_{number}": stage for name, stage in again.items()}
    seeds = [Stage("seeds", at + "seeds:gather_seeds", {}, repeated, ("numpy",))] if repeated else []

    networks = {"mlp": s.mlp, "cnn": s.cnn, "head": s.head, "finetune": s.finetune}
    chosen = {f"{name}_settings": dataclasses.replace(its, epochs=1) for name, its in networks.items()} | seed
    cached = {"data": data, "weights": weights, "features": features}
    many = functools.partial(training, apart=True)  # many networks, of which TensorFlow forgets none
    study = many("study", at + "study:run_study", {"study": s.study, **chosen}, cached)
    searching = (*TRAINING, "optuna")
    tuning = many(
        "tuning", at + "tuning:tune", {"tuning": s.tuning, **chosen}, cached, packages=searching, places=pieces
    )
    inputs = many(
        "inputs",
        at + "inputs:compare_inputs",
        {"inputs": s.inputs, "features_settings": s.features, **seed},
        {"data": data, "weights": weights},
        packages=(*TRAINING, "scikit-learn"),
    )
    explain = Stage(
        "explain",
        at + "explain:explain",
        {
            "explain": s.explain,
            **{name: chosen[name] for name in ("cnn_settings", "head_settings", "finetune_settings")},
        }
        | seed,
        {"data": data, "weights": weights, "features": features, "cnn": cnn, "head": head, "finetune": finetune},
        (*TRAINING, "scikit-learn"),
        exact,
    )

    duplicates = [] if no_test else [overlap]  # it takes much memory, so before TensorFlow has filled its own
    line = [data, weights, mlp, cnn, features, *duplicates, classifiers, head, finetune, *repeated.values(), *seeds]
    line += [study, tuning, inputs]
    trained = {stage.name: stage for stage in line if stage not in (weights, *repeated.values())}
    if no_test:
        return [*line, Stage("validation", at + "validation:validate_models", {}, trained, ("numpy", "scipy"))]

    evaluation = Stage(
        "evaluation",
        at + "evaluation:evaluate",
        {"data_sha256": data_set.sha256},
        trained,
        ("numpy", "scipy"),
        published=True,
    )
    line += [explain, evaluation]
    for lang in document.languages:
        classes = data_set.classes.get(lang, []) if data_set.is_own else None
        words = {"lang": lang}
        figures = Stage(
            f"figures-{lang}",
            at + "figures:draw_figures",
            {**words, "classes": classes, "report": s.report},
            {"evaluation": evaluation, "explain": explain},
            ("matplotlib",),
            document.catalogue_digests(lang),
            remote=True,
            lane=lang,
        )
        html = Stage(
            f"html-{lang}",
            at + "report:render_html",
            {
                **words,
                "settings": s,
                "title_page": document.title_page(lang),
                "data_set": {"name": data_set.name, "classes": classes},
            },
            {"evaluation": evaluation, "figures": figures},
            ("jinja2", "babel"),
            document.template_digests(lang),
            published=True,
            lane=lang,
        )
        pdf = Stage(f"pdf-{lang}", at + "pdf:write_pdf", {}, {"html": html}, ("weasyprint",), lane=lang)
        line += [figures, html, pdf]
    return line


if __name__ == "__main__":
    sys.exit(main(build_line))
