"""A request from the command line and its run: checks, plan and report."""

import contextlib
import dataclasses
import datetime
import functools
import os
import time
import typing
from pathlib import Path

from fmnist_report.data.custom.conversions import PACKED, PICKLE, describe_archive
from fmnist_report.data.custom.detection import DataSet, find_data_set
from fmnist_report.doctor import require_pango, require_space
from fmnist_report.errors import ReportError, UsageError
from fmnist_report.forecast import WORTH_TELLING, Remaining, add_up, describe_plan, forecast, preset_seconds
from fmnist_report.journal import NAME, Journal, digest_settings, record_evaluation, record_plan, select_runs
from fmnist_report.machine import describe_speed, measure_speed, prepare_libraries, require_backend
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import read_json, require_folder
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.runner import run_plan
from fmnist_report.pipeline.stage import Stage, Step
from fmnist_report.pipeline.workers import Workers, start_workers
from fmnist_report.presets import PRESETS, override, preset, validate
from fmnist_report.report.assets import missing_letters
from fmnist_report.report.publishing import list_stages, publish
from fmnist_report.report.title_page import Document, read_document
from fmnist_report.settings import Settings, feature_bytes

MOST_LETTERS = 20  # listed in a message

BuildPipeline = typing.Callable[..., list[Stage]]


@dataclasses.dataclass
class Request:
    """Options of the command line."""

    preset: str
    lang: list[str]
    seed: int
    assignments: list[str]
    title_page: Path | None
    data_dir: Path | None
    cache_dir: Path
    out: Path
    journal_file: Path | None
    force: list[str]
    only: str | None
    no_test: bool
    deterministic: bool
    workers: Workers
    progress: Progress
    build_pipeline: BuildPipeline

    @functools.cached_property
    def settings(self) -> Settings:
        """Return the validated settings; raise UsageError if they are invalid."""
        settings = override(preset(self.preset), self.assignments)
        settings = dataclasses.replace(settings, seed=self.seed, deterministic=self.deterministic)
        validate(settings, self.data_set.is_custom)
        return settings

    @functools.cached_property
    def data_set(self) -> DataSet:
        """Return the data set in --data-dir; raise ReportError if there is none."""
        if self.data_dir and self.data_dir.is_file():
            archive = PACKED.fullmatch(self.data_dir.name) and not PICKLE.fullmatch(self.data_dir.name)
            way = (
                f"{describe_archive(self.data_dir)} (in its folder), and give the folder"
                if archive
                else "give its folder"
            )
            raise UsageError(f"--data-dir expects a folder, but {str(self.data_dir)!r} is a file; {way}.")
        if self.data_dir and not self.data_dir.is_dir():
            raise UsageError(f"The folder {str(self.data_dir)!r} given with --data-dir does not exist.")
        return find_data_set(self.data_dir)

    @functools.cached_property
    def document(self) -> Document:
        """Return the languages and the title page; raise UsageError if they are invalid."""
        return read_document(self.lang, self.title_page)

    def cache(self) -> Cache:
        """Return the cache without creating its folder."""
        return Cache(self.cache_dir, self.progress.warn)

    @functools.cached_property
    def journal(self) -> Journal:
        """Return the journal of full training runs, in the cache folder by default."""
        return Journal(self.journal_file or self.cache_dir / NAME, self.cache_dir / "locks", self.progress.warn)

    def select_journal(self) -> list[dict[str, typing.Any]]:
        """Return the runs in the journal that the report compares with the chosen settings."""
        return select_runs(self.journal.read(), self.settings, self.data_set.sha256)

    def count_evaluations(self) -> int:
        """Return with how many settings, the chosen ones included, the test set has been evaluated."""
        return len({*self.journal.read_evaluations(self.data_set.sha256), digest_settings(self.settings)})

    def plan(self, cache: Cache, force: typing.Sequence[str] | None = None) -> Plan:
        """Plan the pipeline; raise UsageError for an invalid request.

        Args:
            force: stages to recompute; those of the request by default.
        """
        stages = self._build(self.settings, self.no_test, self.select_journal(), self.count_evaluations())
        return Plan(stages, cache, self.force if force is None else force, self.only)

    def plan_training(self, cache: Cache, settings: Settings, stage: str) -> Plan:
        """Plan one training run with other settings, without reading the test labels."""
        return Plan(self._build(settings, no_test=True), cache, only=stage)

    def _build(self, settings: Settings, no_test: bool, journal: typing.Sequence[dict] = (), n: int = 1) -> list[Stage]:
        arguments = (self.document, self.data_set, self.cache_dir, self.workers, no_test, journal, n)
        return self.build_pipeline(settings, *arguments)


def run_request(request: Request, cache: Cache, plan: Plan) -> None:
    """Compute the plan's pending stages, record its training runs in the journal, and publish the report."""
    started, moment = time.monotonic(), datetime.datetime.now(datetime.timezone.utc)
    run_id = name_run(moment)
    require_pango()
    require_folder(request.out, "--out")
    cache.prepare()
    prepare_computation(request, plan, plan.pending)
    _warn_of_missing_letters(request)
    remaining, journal = _report_plan(request, plan), request.select_journal()

    def end_stage(stage: str, seconds: float) -> None:
        _record(request, plan, stage)
        if sentence := remaining.describe(stage, seconds):
            request.progress.say(sentence)

    compute_plan(request, plan, run_id, end_stage)
    _record(request, plan)  # also what an interrupted run has trained
    if request.select_journal() != journal:
        plan = _show_journal(request, cache, plan, run_id)
    run = {"id": run_id, "started": moment.isoformat(timespec="seconds"), "seconds": time.monotonic() - started}
    written = publish(request.out, request.settings, plan, run)
    _print_stages(plan, request.progress)
    _print_validation(plan, request.progress)
    request.progress.say(f"Done in {time.monotonic() - started:.1f} s: {', '.join(map(str, written)) or 'no report'}")


def _show_journal(request: Request, cache: Cache, plan: Plan, run_id: str) -> Plan:
    """Plan again after training runs that the journal compares with earlier ones, and compute figures and pages."""
    again = request.plan(cache, force=())
    compute_plan(request, again, run_id)
    for name, step in again.steps.items():
        former = plan.steps[name]
        if step.key == former.key and former.status == "computed":
            step.status, step.reason = former.status, former.reason
    return again


def _record(request: Request, plan: Plan, stage: str = "") -> None:
    """Record the training run of one stage, or of all, in the journal; a run does not fail for want of a journal."""
    try:
        known = {run.key for run in request.journal.read()}  # reading their predictions again would take time
        request.journal.add(record_plan(plan, request.settings, request.data_set.sha256, only=stage, known=known))
        if stage in ("", "evaluation") and (
            evaluation := record_evaluation(plan, request.settings, request.data_set.sha256)
        ):
            request.journal.add_evaluation(evaluation)
    except ReportError as error:
        request.progress.warn(str(error))


def name_run(moment: datetime.datetime) -> str:
    """Return the name of this run, as in results.json."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{os.getpid()}"


def compute_plan(
    request: Request, plan: Plan, run_id: str, on_end: typing.Callable[[str, float], None] = lambda stage, seconds: None
) -> None:
    """Compute a plan's pending stages; arguments as in run_plan."""
    try:
        with start_workers(request.workers) if plan.pending else contextlib.nullcontext():
            run_plan(plan, request.progress, run_id, request.workers, on_end)
    finally:
        request.progress.close()


def prepare_computation(request: Request, plan: Plan, pending: typing.Iterable[Step]) -> None:
    """Check the disk space that pending stages need, configure TensorFlow before its import, measure the machine.

    Args:
        plan: the first plan to compute.
        pending: the pending steps of all plans.
    """
    require_backend()
    prepare_libraries()
    if request.deterministic:
        os.environ["TF_DETERMINISTIC_OPS"] = "1"  # read by TensorFlow when it starts
    features = plan.steps.get("features")
    if features and features.status == "compute":
        missing = feature_bytes(request.settings) - plan.cache.unfinished_bytes("features", features.key)
        require_space(request.cache_dir, missing, "The feature cache")
    if any(value == '"auto"' for step in pending for value in step.components.values()):
        measure_speed()  # once, for all processes that this run starts


def _warn_of_missing_letters(request: Request) -> None:
    """Warn once of letters in the user's text that the bundled fonts lack."""
    pages = [str(value) for lang in request.document.languages for value in request.document.title_page(lang).values()]
    names = [name for classes in request.data_set.classes.values() for name in classes]
    if letters := missing_letters("".join([request.data_set.name, *pages, *names])):
        request.progress.warn(
            f"The bundled fonts lack {letters[:MOST_LETTERS]}{' and more' if len(letters) > MOST_LETTERS else ''}; a "
            "system font, or empty boxes, will replace them."
        )


def _report_plan(request: Request, plan: Plan) -> Remaining:
    """Report the speed and the estimated duration of a run of more than a minute, if the size of the data is known.

    Returns:
        The time left, without stages if nothing was reported.
    """
    settings, untold = request.settings, Remaining({}, [])
    timed = {} if request.data_set.is_custom else forecast(settings, plan.pending)
    if request.progress.quiet or add_up(timed, plan.pending) < WORTH_TELLING:
        return untold
    speed = measure_speed()  # as the first training run would
    if not speed.training:
        return untold
    seconds = forecast(settings, plan.pending, speed)
    request.progress.say(f"Measured: {describe_speed(speed)}.")
    names = list(PRESETS)
    shorter = {name: preset_seconds(name, speed) for name in names[: names.index(settings.preset)]}
    request.progress.say(describe_plan(seconds, add_up(seconds, plan.pending), shorter))
    return Remaining(seconds, plan.pending)


def _print_stages(plan: Plan, progress: Progress) -> None:
    rows = [(s["name"], s["status"], f"{s['seconds']:.1f}", s["key"][:12]) for s in list_stages(plan)]
    progress.table(("stage", "status", "seconds", "key"), rows)


def _print_validation(plan: Plan, progress: Progress) -> None:
    """Print the validation accuracy of each model after --no-test."""
    step = plan.steps.get("validation")
    if step and step.entry:
        models = read_json(step.entry.path / "validation.json")["models"]
        rows = [
            (
                name,
                f"{100 * m['val_accuracy']:.2f} %",
                "{:.2f}–{:.2f}".format(*(100 * end for end in m["val_accuracy_ci95"])),
            )
            for name, m in models.items()
        ]
        progress.table(("model", "validation", "95% interval"), rows)
