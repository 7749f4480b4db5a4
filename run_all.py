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
from fmnist_report.document import Document
from fmnist_report.plan import Stage, repeat
from fmnist_report.settings import Settings
from fmnist_report.sources import data_digest, weights_digest

TRAINING = ("keras", "tensorflow", "numpy")


def build_line(
    s: Settings, document: Document, data_dir: Path | None, cache_dir: Path, no_test: bool = False
) -> list[Stage]:
    """List the stages in order; what each one depends on is what it is given here.

    Args:
        no_test: end the line with the figures on validation; the test labels stay closed.
    """
    at = "fmnist_report."
    seed = {"seed": s.seed}
    exact = {"operations": "deterministic"} if s.deterministic else {}
    training = functools.partial(Stage, packages=TRAINING, digests=exact, resumes=True)

    data = Stage(
        "data",
        at + "data:prepare_data",
        {"data": s.data},
        digests={"Fashion-MNIST": data_digest()},
        places={"data_dir": data_dir, "cache_dir": cache_dir},
    )
    weights = Stage(
        "weights", at + "weights:prepare_weights", digests={"VGG16": weights_digest()}, places={"cache_dir": cache_dir}
    )

    mlp = training("mlp", at + "training:train_mlp", {"mlp": s.mlp, **seed}, {"data": data})
    cnn = training("cnn", at + "training:train_cnn", {"cnn": s.cnn, **seed}, {"data": data})

    features = training(
        "features",
        at + "features:extract_features",
        {"features": s.features, "unfreeze": s.finetune.unfreeze},
        {"data": data, "weights": weights},
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
    tuning = many("tuning", at + "tuning:tune", {"tuning": s.tuning, **chosen}, cached, packages=(*TRAINING, "optuna"))
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
        {},
        trained,
        ("numpy", "scipy"),
        published=True,
    )
    line += [explain, evaluation]
    for lang in document.languages:
        words = {"lang": lang}
        figures = Stage(
            f"figures-{lang}",
            at + "figures:draw_figures",
            {**words, "report": s.report},
            {"evaluation": evaluation, "explain": explain},
            ("matplotlib",),
            document.catalogue_digests(lang),
            lane=lang,
        )
        html = Stage(
            f"html-{lang}",
            at + "report:render_html",
            {**words, "settings": s, "title_page": document.title_page(lang)},
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
