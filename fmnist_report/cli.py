"""The command line: options and commands, checks before any work, exit codes."""

import contextlib
import dataclasses
import datetime
import functools
import io
import json
import os
import sys
import textwrap
import time
import traceback
import typing
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ByteSize, Field, TypeAdapter, ValidationError

from fmnist_report import __version__
from fmnist_report.data.detection import DataSet, find_data_set
from fmnist_report.doctor import examine, require_folder, require_pango, require_space
from fmnist_report.errors import ReportError, UsageError
from fmnist_report.forecast import WORTH_TELLING, add_up, describe_plan, forecast, known_speed
from fmnist_report.machine import measure_precision, prepare_libraries
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import read_json
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.progress import Progress, make_table
from fmnist_report.pipeline.runner import run_plan
from fmnist_report.pipeline.signals import Stopped, stopping_in_time
from fmnist_report.pipeline.stage import Stage
from fmnist_report.pipeline.workers import Workers, check_request, start_workers
from fmnist_report.presets import override, validate
from fmnist_report.presets import preset as find_preset
from fmnist_report.report.assets import missing_letters
from fmnist_report.report.publishing import list_stages, publish
from fmnist_report.report.title_page import Document, read_document
from fmnist_report.settings import Settings, feature_bytes

STATES = {"cached": "cached", "skip": "cached", "compute": "stale", "undecided": "undecided"}
PROJECT = Path(__file__).resolve().parent.parent
COMMANDS = ("status", "cache", "doctor")
MOST_LETTERS = 20  # that a sentence names
# Options that a command shares with a run, and whether they take a value.
SHARED = {
    "--cache-dir": True, "--preset": True, "--set": True, "--lang": True, "--data-dir": True, "--out": True,
    "--title-page": True, "--seed": True, "--quiet": False, "--debug": False,
}  # fmt: skip
FLAGS = ("--quiet", "--debug", "--no-test", "--deterministic", "--explain", "--version", "--help")
CONTEXT = {"help_option_names": ["-h", "--help"]}
HELP = """Write the report on transfer learning, from data to PDF.

Trains a multilayer perceptron and a convolutional network on Fashion-MNIST, classifies the features of VGG16,
fine-tunes its upper blocks, compares all of them, and renders the report. What was computed once is cached; a run that
was stopped goes on where it was.

Example: python run_all.py --preset quick --lang en
"""

BuildLine = typing.Callable[..., list[Stage]]
PresetOption = Annotated[
    str, typer.Option("--preset", metavar="PRESET", help="quick, standard (the default) or best.", show_default=False)
]
LangOption = Annotated[
    list[str], typer.Option("--lang", metavar="LANG", help="uk or en; repeat for several. Both by default.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="Seed of initial weights and of batches; 0 by default.",
                      show_default=False)
]  # fmt: skip
SetOption = Annotated[
    list[str], typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, such as cnn.epochs=12; repeat.")
]
TitleOption = Annotated[
    Path | None, typer.Option("--title-page", metavar="FILE", help="TOML file with title, student, group …")
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Folder with Fashion-MNIST's files, or a data set of yours."),
]
CacheOption = Annotated[
    Path, typer.Option("--cache-dir", metavar="DIR", help="Folder of artefacts; cache by default.", show_default=False)
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder of the report; report by default.", show_default=False)
]
ForceOption = Annotated[
    list[str], typer.Option("--force", metavar="STAGE", help="Compute this stage again; repeat for several.")
]


@dataclasses.dataclass
class Request:
    """What the command line asked for."""

    preset: str
    lang: list[str]
    seed: int
    assignments: list[str]
    title_page: Path | None
    data_dir: Path | None
    cache_dir: Path
    out: Path
    force: list[str]
    only: str | None
    no_test: bool
    deterministic: bool
    workers: Workers
    progress: Progress
    build_line: BuildLine

    def settings(self) -> Settings:
        """Return checked settings; raises UsageError."""
        settings = override(find_preset(self.preset), self.assignments)
        settings = dataclasses.replace(settings, seed=self.seed, deterministic=self.deterministic)
        validate(settings, self.data_set.is_own)
        return settings

    @functools.cached_property
    def data_set(self) -> DataSet:
        """What --data-dir holds; raises ReportError."""
        if self.data_dir and self.data_dir.is_file():
            raise UsageError(f"--data-dir takes a folder, and {str(self.data_dir)!r} is a file; give its folder.")
        if self.data_dir and not self.data_dir.is_dir():
            raise UsageError(f"The folder {str(self.data_dir)!r} given with --data-dir does not exist.")
        return find_data_set(self.data_dir)

    @functools.cached_property
    def document(self) -> Document:
        """The languages and the title page; raises UsageError."""
        return read_document(self.lang, self.title_page)

    def cache(self) -> Cache:
        """Return the cache, not yet created."""
        return Cache(self.cache_dir, self.progress.warn)

    def plan(self, cache: Cache) -> Plan:
        """Plan the line; raises UsageError for a bad request."""
        line = (self.document, self.data_set, self.cache_dir, self.workers, self.no_test)
        stages = self.build_line(self.settings(), *line)
        return Plan(stages, cache, self.force, self.only)


app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT, help=HELP)
cache_app = typer.Typer(help="Look after the cached artefacts.", no_args_is_help=True, context_settings=CONTEXT)
app.add_typer(cache_app, name="cache")


def main(build_line: BuildLine, arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 failed or stale, 2 wrong usage, 130 or 143 stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # terminals of other encodings lack letters
    progress = Progress(quiet="--quiet" in arguments)
    try:
        with stopping_in_time(lambda sentence: print_error(progress, sentence)):
            command = typer.main.get_command(app)
            start = (build_line, progress)
            return (
                command.main(args=lead_with_shared(arguments), prog_name="run_all.py", standalone_mode=False, obj=start)
                or 0
            )
    except typer.TyperException as error:
        return _fail(progress, arguments, f"{error.format_message().rstrip('.')}. See run_all.py --help.", 2)
    except UsageError as error:
        return _fail(progress, arguments, str(error), 2)
    except ReportError as error:
        return _fail(progress, arguments, str(error), 1)
    except Stopped as stop:
        return _fail(progress, arguments, str(stop), stop.code)
    except Exception as error:
        hint = "" if "--debug" in arguments else " (--debug shows where)"
        told = textwrap.shorten(str(error), 300, placeholder=" …")  # some tell whole arrays
        return _fail(progress, arguments, f"Unexpected {type(error).__name__}: {told}{hint}", 1)


def lead_with_shared(arguments: list[str]) -> list[str]:
    """Move the options that a command shares with a run before the command's name, where the run takes them."""
    names = [i for i, word in enumerate(arguments) if word in COMMANDS and not _is_value(arguments, i)]
    if not names:
        return arguments
    before, after = arguments[: names[0]], arguments[names[0] :]
    rest: list[str] = []
    while after:
        word = after.pop(0)
        if word.partition("=")[0] not in SHARED:
            rest.append(word)
            continue
        before.append(word)
        if SHARED[word.partition("=")[0]] and "=" not in word and after:
            before.append(after.pop(0))
    return before + rest


def _is_value(arguments: list[str], number: int) -> bool:
    """Tell whether a word is what the option before it takes, as in --only status."""
    former = arguments[number - 1] if number else ""
    return former.startswith("--") and "=" not in former and former not in FLAGS


def _fail(progress: Progress, arguments: list[str], sentence: str, code: int) -> int:
    progress.close()
    if "--debug" in arguments:
        traceback.print_exc()
    print_error(progress, sentence)
    return code


def print_error(progress: Progress, sentence: str) -> None:
    """Print the sentence with which a run ends."""
    progress.close()
    progress.console.print(f"run_all.py: {sentence}", markup=False, style="red")


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"fmnist_report {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    preset: PresetOption = "standard",
    lang: LangOption = [],  # noqa: B006 - typer reads the default, nobody changes it
    seed: SeedOption = 0,
    set_: SetOption = [],  # noqa: B006
    title_page: TitleOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = PROJECT / "cache",
    out: OutOption = PROJECT / "report",
    force: ForceOption = [],  # noqa: B006
    only: Annotated[str | None, typer.Option("--only", metavar="STAGE", help="Stop after this stage.")] = None,
    no_test: Annotated[bool, typer.Option("--no-test", help="Stop at validation; test labels stay closed.")] = False,
    deterministic: Annotated[bool, typer.Option("--deterministic", help="The same bits in every run.")] = False,
    n_workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", help="Compute with so many processes here.", show_default=False),
    ] = 0,
    scheduler: Annotated[
        str, typer.Option("--scheduler", metavar="ADDRESS", help="Compute with the workers of this Dask scheduler.")
    ] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Print what would be computed, and why.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only warnings and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print this program's version and end."),
    ] = False,
) -> None:
    """Train, cache, compare and explain: write the report from data to PDF."""
    build_line, progress = context.obj
    request = Request(
        preset, lang, seed, set_, title_page, data_dir and data_dir.absolute(), cache_dir.absolute(), out.absolute(),
        force, only, no_test, deterministic, Workers(scheduler, n_workers), progress, build_line,
    )  # fmt: skip
    check_request(n_workers, scheduler)
    context.obj = request
    if context.invoked_subcommand:
        return
    cache = request.cache()
    plan = request.plan(cache)
    if explain:
        _print_plan(plan, request.progress)
        return
    _run_plan(request, cache, plan)


def _run_plan(request: Request, cache: Cache, plan: Plan) -> None:
    started, moment = time.monotonic(), datetime.datetime.now(datetime.timezone.utc)
    run_id = f"{moment:%Y%m%dT%H%M%SZ}-{os.getpid()}"
    require_pango()
    require_folder(request.out, "--out")
    cache.prepare()
    _prepare_computation(request, plan)
    _tell_missing_letters(request)
    _tell_plan(request, plan)
    try:
        with start_workers(request.workers) if plan.pending else contextlib.nullcontext():
            run_plan(plan, request.progress, run_id, request.workers)
    finally:
        request.progress.close()
    run = {"id": run_id, "started": moment.isoformat(timespec="seconds"), "seconds": time.monotonic() - started}
    written = publish(request.out, request.settings(), plan, run)
    _print_stages(plan, request.progress)
    _print_validation(plan, request.progress)
    request.progress.say(f"Done in {time.monotonic() - started:.1f} s: {', '.join(map(str, written)) or 'no report'}")


def _prepare_computation(request: Request, plan: Plan) -> None:
    """Check what pending stages need, and set TensorFlow up before it is imported."""
    prepare_libraries()
    if request.deterministic:
        os.environ["TF_DETERMINISTIC_OPS"] = "1"  # read by TensorFlow when it starts
    pending = {step.stage.name for step in plan.pending}
    if "features" in pending:
        require_space(request.cache_dir, feature_bytes(request.settings()), "The features' cache")


def _tell_missing_letters(request: Request) -> None:
    """Say once which letters of the user's own text the shipped fonts lack."""
    pages = [str(value) for lang in request.document.languages for value in request.document.title_page(lang).values()]
    names = [name for classes in request.data_set.classes.values() for name in classes]
    if letters := missing_letters("".join([request.data_set.name, *pages, *names])):
        request.progress.warn(
            f"The shipped fonts lack {letters[:MOST_LETTERS]}{' and more' if len(letters) > MOST_LETTERS else ''}: a "
            "font of your system stands for them, or empty boxes."
        )


def _tell_plan(request: Request, plan: Plan) -> None:
    """Tell before a run of more than a minute how long its stages will take, if the size of the data is known."""
    settings = request.settings()
    seconds = {} if request.data_set.is_own else forecast(settings, plan.pending)
    if request.progress.quiet or add_up(seconds, plan.pending) < WORTH_TELLING:
        return
    precision, rates = measure_precision()  # as the first training would
    if rates:
        ratio = known_speed(settings.preset) / rates[precision]
        seconds = {name: ratio * value for name, value in seconds.items()}
        request.progress.say(describe_plan(seconds, add_up(seconds, plan.pending), precision, rates[precision]))


def _print_plan(plan: Plan, progress: Progress) -> None:
    rows = []
    for name, step in plan.steps.items():
        rows.append((name, step.status, (step.key or "")[:12], step.reason))
    progress.console.print(make_table(("stage", "would", "key", "why"), rows))


def _print_stages(plan: Plan, progress: Progress) -> None:
    rows = [(s["name"], s["status"], f"{s['seconds']:.1f}", s["key"][:12]) for s in list_stages(plan)]
    progress.table(("stage", "status", "seconds", "key"), rows)


def _print_validation(plan: Plan, progress: Progress) -> None:
    """After --no-test, tell what each model reached on validation."""
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


@app.command(short_help="Tell what is cached and what a run would compute.")
def status(
    context: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Tell what is cached, what a run would compute, and why; exit code 1 if anything is stale.

    Takes a run's options too: --preset, --set, --lang, --seed, --data-dir, --cache-dir.
    """
    request: Request = context.obj
    plan = request.plan(request.cache())
    stale = bool(plan.pending)
    if json_:
        stages = [
            {"name": name, "key": step.key, "state": STATES[step.status],
             "reason": step.reason, "seconds": step.entry.manifest["seconds"] if step.entry else None}
            for name, step in plan.steps.items()
        ]  # fmt: skip
        typer.echo(json.dumps({"stale": stale, "stages": stages}, indent=1, ensure_ascii=False))
    else:
        _print_plan(plan, request.progress)
    raise typer.Exit(1 if stale else 0)


@app.command(short_help="Look at what a run needs of this machine.")
def doctor(context: typer.Context) -> None:
    """Look at Python, memory, disk, Pango, fonts, and the sources of data and weights."""
    request: Request = context.obj
    findings = examine(request.data_dir, request.cache_dir)
    rows = [(finding.name, finding.state, finding.text) for finding in findings]
    request.progress.console.print(make_table(("what", "state", "found"), rows))
    raise typer.Exit(1 if any(finding.state == "missing" for finding in findings) else 0)


@cache_app.command("ls")
def cache_ls(context: typer.Context) -> None:
    """List the cached entries with their size and date."""
    request: Request = context.obj
    rows = [
        (stage, key[:12], f"{entry.n_bytes / 1e6:.1f} MB" if entry else damage or "", entry.created if entry else "")
        for stage, key, entry, damage in request.cache().entries()
    ]
    request.progress.console.print(make_table(("stage", "key", "size", "created"), rows))


@cache_app.command("verify")
def cache_verify(context: typer.Context) -> None:
    """Compare every cached file with its digest; exit code 1 if any differs."""
    request: Request = context.obj
    n_damaged = 0
    for stage, key, entry, damage in request.cache().entries():
        damage = entry.damage(deep=True) if entry else damage
        n_damaged += bool(damage)
        request.progress.console.print(f"{stage} {key[:12]}: {damage or 'sound'}", markup=False)
    raise typer.Exit(1 if n_damaged else 0)


@cache_app.command("prune")
def cache_prune(
    context: typer.Context,
    max_size: Annotated[str | None, typer.Option("--max-size", help="Remove the oldest above it, as 5GB.")] = None,
) -> None:
    """Remove unfinished and damaged entries, and the oldest ones above a size."""
    request: Request = context.obj
    for line in request.cache().prune(parse_size(max_size) if max_size else None):
        request.progress.console.print(f"removed {line}", markup=False)


def parse_size(text: str) -> int:
    """Turn "5GB", "300 MB" or "1000" into bytes; raises UsageError."""
    try:
        return TypeAdapter(Annotated[ByteSize, Field(ge=0)]).validate_python(text.strip())
    except ValidationError:
        raise UsageError(f"--max-size takes a size such as 5GB, not {text!r}.") from None
