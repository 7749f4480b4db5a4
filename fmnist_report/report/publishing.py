"""Publication of a run's outputs in the report folder."""

import contextlib
import hashlib
import shutil
import typing
from pathlib import Path

from fmnist_report.errors import ReportError
from fmnist_report.evaluation.results import assemble_results
from fmnist_report.pipeline.files import format_json, replacing
from fmnist_report.pipeline.plan import Plan
from fmnist_report.settings import Settings


def publish(out: Path, settings: Settings, plan: Plan, run: dict[str, typing.Any]) -> list[Path]:
    """Copy finished outputs to the report folder; existing files are replaced only after all are written.

    Args:
        out: the report folder.
        run: the run's id, start and seconds, as in results.json.

    Returns:
        The paths written.

    Raises:
        ReportError: a file could not be written; existing files are unchanged.
    """
    place = hashlib.sha256(str(out.resolve()).encode()).hexdigest()
    try:
        with plan.cache.lock("report", place):
            return _publish(out, settings, plan, run)
    except OSError as error:
        raise ReportError(
            f"The report could not be written to {str(out)!r} ({error.strerror}); existing files there are unchanged. "
            "Free some space or choose another folder with --out, then run again: all results are cached."
        ) from error


def _publish(out: Path, settings: Settings, plan: Plan, run: dict[str, typing.Any]) -> list[Path]:
    written = []
    with contextlib.ExitStack() as replaced:  # all are renamed at its end

        def place(name: str) -> Path:
            written.append(out / name)
            return replaced.enter_context(replacing(out / name))

        def copy(step_name: str, file: str, name: str) -> None:
            step = plan.steps.get(step_name)
            if step and step.entry:
                shutil.copyfile(step.entry.path / file, place(name))

        evaluation = plan.steps.get("evaluation")
        if evaluation and evaluation.entry:
            results = assemble_results(evaluation.entry.path, settings, run, list_stages(plan))
            place("results.json").write_text(format_json(results), "utf-8")
        copy("evaluation", "predictions.npz", "predictions.npz")
        copy("validation", "validation.json", "validation.json")
        for name in plan.steps:
            kind, _, lang = name.partition("-")
            if kind in ("html", "pdf"):
                copy(name, f"report.{kind}", f"report.{lang}.{kind}")
    return written


def list_stages(plan: Plan) -> list[dict[str, typing.Any]]:
    """Describe this run's stages as in results.json; seconds are those of the original computation."""
    entries = {name: step.entry.manifest["provenance"] for name, step in plan.steps.items() if step.entry}
    known = {name: moment for provenance in entries.values() for name, moment in provenance.items()}
    known |= {name: provenance[name] for name, provenance in entries.items()}  # the entry's own record takes precedence
    return [
        {
            "name": name,
            "key": step.key or "",
            "status": "computed" if step.status == "computed" else "cached",
            "seconds": known.get(name, {}).get("seconds", 0.0),
            "created": known.get(name, {}).get("created"),
            "peak_memory_bytes": known.get(name, {}).get("peak_memory_bytes"),
            "reason": step.reason,
        }
        for name, step in plan.steps.items()
    ]
