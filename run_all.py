#!/usr/bin/env python3
"""Train, cache, compare and explain: `python run_all.py` runs the line below, top to bottom."""

import functools
import sys
from pathlib import Path
from typing import Any

from fmnist_report.doctor import stop_if_incomplete

if __name__ == "__main__":
    stop_if_incomplete()  # in one sentence, before anything outside the standard library is imported

from fmnist_report.cli import main
from fmnist_report.data.own.detection import DataSet
from fmnist_report.models.digests import weights_content
from fmnist_report.pipeline.stage import Line, Where
from fmnist_report.pipeline.workers import HERE, Workers
from fmnist_report.report.assets import catalogue_digests, template_digests
from fmnist_report.report.title_page import Document
from fmnist_report.settings import Settings, choose_networks, first_cached


def build_line(
    s: Settings, document: Document, data_set: DataSet, cache_dir: Path, workers: Workers = HERE, no_test: bool = False
) -> Line:
    """List the stages in order; what each one is made from stands in its statement.

    Args:
        no_test: end the line with the figures on validation; the test labels stay closed.
    """
    line, by = Line("fmnist_report"), {"workers": workers}
    exact = {"operations": "deterministic"} if s.deterministic else {}
    train = functools.partial(line.stage, digests=exact, resumes=True)
    spread, beside = (Where.WORKERS, Where.WORKERS) if workers else (Where.HERE, Where.BESIDE)

    data = line.stage("data", data=s.data, **data_set.stage(cache_dir))
    weights = line.stage(
        "weights", "models.weights:prepare_weights", backbone=s.features.backbone,
        digests=weights_content(s.features.backbone, cache_dir), places={"cache_dir": cache_dir},
    )  # fmt: skip
    mlp = train("mlp", "training.pixels:train_mlp", mlp=s.mlp, seed=s.seed, data=data)
    cnn = train("cnn", "training.pixels:train_cnn", cnn=s.cnn, seed=s.seed, data=data)
    features = train(
        "features", "training.features:extract_features", features=s.features, unfreeze=first_cached(s.finetune),
        data=data, weights=weights, places=by,
    )  # fmt: skip
    classifiers = line.stage(
        "classifiers", "training.classifiers:fit_classifiers", classifiers=s.classifiers, seed=s.seed,
        data=data, features=features, places=by,
    )  # fmt: skip
    head = train("head", "training.head:fit_head", head=s.head, seed=s.seed, data=data, features=features)
    further = functools.partial(
        train, finetune=s.finetune, head_settings=s.head, seed=s.seed, data=data, features=features, head=head
    )
    finetune = further("finetune", "training.finetune:fine_tune", weights=weights)
    control = further("control", "training.head:train_on")
    seeds = line.repeat("seeds", "evaluation.seeds:gather_seeds", s.seeds.count((mlp, head), (cnn, finetune)), spread)
    trial = functools.partial(train, where=Where.APART, seed=s.seed, data=data, weights=weights)
    vary = functools.partial(trial, features=features, networks=choose_networks(s))
    study = vary("study", "experiments.study:run_study", study=s.study)
    tuning = vary("tuning", "experiments.search:tune", tuning=s.tuning, places=by)
    inputs = trial("inputs", "experiments.inputs:compare_inputs", inputs=s.inputs, features_settings=s.features)
    judged: Any = seeds | {x.name: x for x in (mlp, cnn, classifiers, head, finetune, control, study, tuning, inputs)}
    if no_test:
        line.stage(
            "validation", "evaluation.validation:validate_models", data=data, features=features, **judged, measures=True
        )
        return line
    apart = functools.partial(line.stage, where=Where.APART, data=data, features=features)
    overlap = apart("overlap", "experiments.duplicates:find_overlap", overlap=s.overlap)
    explain = line.stage(
        "explain", "experiments.interpretation:explain", explain=s.explain, seed=s.seed, digests=exact,
        networks=choose_networks(s), data=data, weights=weights, features=features, cnn=cnn, head=head,
        finetune=finetune,
    )  # fmt: skip
    shape = choose_networks(s)["cnn"]
    portable = line.stage("portable", "experiments.portable:make_portable", network=shape, data=data, cnn=cnn)
    evaluation = line.stage(
        "evaluation", "evaluation.test_set:evaluate", data_sha256=data_set.sha256, data=data, features=features,
        overlap=overlap, portable=portable, **judged, measures=True, published=True,
    )  # fmt: skip
    answers = line.stage(
        "answers", "evaluation.answers:gather_answers", data=data, overlap=overlap, evaluation=evaluation
    )
    for lang in document.languages:
        classes = data_set.classes_in(lang)
        figures = line.stage(
            f"figures-{lang}", "report.figures.charts:draw_figures", lang=lang, classes=classes, explain=explain,
            evaluation=evaluation, mistakes=s.report.mistakes, digests=catalogue_digests(lang), where=beside,
        )  # fmt: skip
        html = line.stage(
            f"html-{lang}", "report.html:render_html", lang=lang, settings=s, title_page=document.title_page(lang),
            data_set={"name": data_set.name, "classes": classes}, evaluation=evaluation, figures=figures,
            answers=answers, portable=portable, digests=template_digests(lang), where=Where.BESIDE, published=True,
        )  # fmt: skip
        line.stage(f"pdf-{lang}", "report.printed.pdf:write_pdf", html=html, where=Where.BESIDE)
    return line


if __name__ == "__main__":
    sys.exit(main(build_line))
