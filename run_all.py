#!/usr/bin/env python3
"""Train, cache, compare and explain: `python run_all.py` runs the pipeline below, from top to bottom."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # which `python -I` and PYTHONSAFEPATH leave out

from fmnist_report.doctor import stop_if_incomplete

if __name__ == "__main__":
    stop_if_incomplete()  # before anything outside the standard library is imported

from fmnist_report.cli import main
from fmnist_report.data.custom.detection import DataSet
from fmnist_report.models.digests import weights_content
from fmnist_report.networks import NETWORKS, count_runs, make_permutation_specs, make_trial_specs
from fmnist_report.pipeline.files import digest_json
from fmnist_report.pipeline.stage import Execution, Pipeline
from fmnist_report.pipeline.workers import LOCAL, Workers
from fmnist_report.report.assets import catalogue_digests, template_digests
from fmnist_report.report.title_page import Document
from fmnist_report.settings import Settings, first_cached, without_epochs

Runs = Sequence[dict[str, Any]]


def build_pipeline(
    s: Settings, document: Document, data_set: DataSet, cache_dir: Path, workers: Workers = LOCAL,
    no_test: bool = False, journal: Runs = (), n_evaluations: int = 1,
) -> Pipeline:  # fmt: skip
    """Build the pipeline: the stages in order, each with its inputs.

    Args:
        no_test: end the pipeline with the validation metrics, without reading the test labels.
        journal: full training runs with other settings, which the report compares with these, from select_runs.
        n_evaluations: settings, these included, with which the test set has been evaluated.
    """
    pipeline, by = Pipeline("fmnist_report"), {"workers": workers}
    exact = {"operations": "deterministic"} if s.deterministic else {}
    train = functools.partial(pipeline.stage, digests=exact, resumes=True)
    spread, parallel = (Execution.WORKERS, Execution.WORKERS) if workers else (Execution.INLINE, Execution.PARALLEL)

    data = pipeline.stage("data", data=s.data, **data_set.stage(cache_dir))
    weights = pipeline.stage(
        "weights", "models.weights:prepare_weights", backbone=s.features.backbone,
        digests=weights_content(s.features.backbone, cache_dir), places={"cache_dir": cache_dir},
    )  # fmt: skip
    part1 = {
        row.stage: train(
            row.stage, "training.pixels:train_from_pixels", network=getattr(s, row.stage), build=row.build, seed=s.seed,
            data=data,
        )
        for row in NETWORKS if row.part == 1
    }  # fmt: skip
    cnn = part1["cnn"]
    features = train(
        "features", "training.features:extract_features", features=s.features, unfreeze=first_cached(s.finetune),
        data=data, weights=weights, places=by,
    )  # fmt: skip
    classifiers = pipeline.stage(
        "classifiers", "training.classifiers:fit_classifiers", classifiers=s.classifiers, seed=s.seed,
        data=data, features=features, places=by,
    )  # fmt: skip
    head = train("head", "training.head:fit_head", head=s.head, seed=s.seed, data=data, features=features)
    further = functools.partial(
        train, finetune=s.finetune, head_settings=s.head, seed=s.seed, data=data, features=features, head=head
    )
    finetune = further("finetune", "training.finetune:fine_tune", weights=weights)
    control = further("control", "training.head:train_control")
    trained = [*part1.values(), head, finetune]
    times = [(stage, count_runs(s, stage.name)) for stage in trained]
    seeds = pipeline.repeat("seeds", "evaluation.seeds:gather_seeds", times, spread)
    trial = functools.partial(train, execution=Execution.SUBPROCESS, seed=s.seed, data=data, weights=weights)
    study = trial(
        "study", "experiments.study:run_study", study=s.study, networks=make_trial_specs(s), features=features
    )
    inputs = trial("inputs", "experiments.inputs:compare_inputs", inputs=s.inputs, features_settings=s.features)
    judged: Any = seeds | {x.name: x for x in (*trained, classifiers, control, study, inputs)}
    if no_test:
        pipeline.stage(
            "validation", "evaluation.validation:validate_models", data=data, features=features, **judged, measures=True
        )
        return pipeline
    apart = functools.partial(pipeline.stage, execution=Execution.SUBPROCESS, data=data)
    duplicates = apart(
        "duplicates", "experiments.duplicates:find_duplicates", duplicates=s.duplicates, features=features
    )  # fmt: skip
    permutation = train(
        "permutation", "experiments.permutation:compare_permuted", mechanisms=s.mechanisms,
        networks=make_permutation_specs(s), seed=s.seed, data=data, execution=Execution.SUBPROCESS,
    )  # fmt: skip
    networks = {stage: own for stage, own in without_epochs(s).items() if stage != "cnn"}
    blocks = apart(
        "blocks", "experiments.blocks:probe_blocks", mechanisms=s.mechanisms, networks=networks, seed=s.seed,
        weights=weights, features=features, finetune=finetune,
    )  # fmt: skip
    reference = apart("reference", "experiments.reference:fit_reference")
    explain = pipeline.stage(
        "explain", "experiments.interpretation:explain", explain=s.explain, seed=s.seed, digests=exact,
        networks=without_epochs(s), data=data, weights=weights, features=features, cnn=cnn, head=head,
        finetune=finetune,
    )  # fmt: skip
    browser_model = pipeline.stage(
        "browser_model", "experiments.browser_model:make_browser_model", network=without_epochs(s)["cnn"],
        data=data, cnn=cnn,
    )  # fmt: skip
    evaluation = pipeline.stage(
        "evaluation", "evaluation.test_set:evaluate", data_sha256=data_set.sha256, data=data, features=features,
        duplicates=duplicates, browser_model=browser_model, reference=reference, permutation=permutation,
        blocks=blocks, explain=explain, **judged, measures=True, published=True,
    )  # fmt: skip
    examples = pipeline.stage(
        "examples", "evaluation.examples:gather_examples", data=data, duplicates=duplicates, evaluation=evaluation
    )
    tried = {"the journal": digest_json(list(journal))}
    for lang in document.languages:
        classes = data_set.classes_in(lang)
        figures = pipeline.stage(
            f"figures-{lang}", "report.figures.charts:draw_figures", lang=lang, classes=classes, explain=explain,
            evaluation=evaluation, mistakes=s.report.mistakes, digests=catalogue_digests(lang) | tried,
            places={"journal": journal}, execution=parallel,
        )  # fmt: skip
        html = pipeline.stage(
            f"html-{lang}", "report.html:render_html", lang=lang, settings=s, title_page=document.title_page(lang),
            data_set={"name": data_set.name, "classes": classes}, evaluation=evaluation, figures=figures,
            examples=examples, browser_model=browser_model,
            digests=template_digests(lang) | tried | {"n_evaluations": str(n_evaluations)},
            places={"journal": journal, "n_evaluations": n_evaluations},
            execution=Execution.PARALLEL, published=True,
        )  # fmt: skip
        pipeline.stage(f"pdf-{lang}", "report.pdf.writer:write_pdf", html=html, execution=Execution.PARALLEL)
    return pipeline


if __name__ == "__main__":
    sys.exit(main(build_pipeline))
