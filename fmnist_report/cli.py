"""Command-line interface: options, commands and exit codes."""

import dataclasses
import io
import itertools
import json
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ByteSize, Field, TypeAdapter, ValidationError
from typer.core import TyperGroup, TyperOption

from fmnist_report import __version__
from fmnist_report.doctor import examine
from fmnist_report.errors import ReportError, UsageError
from fmnist_report.pipeline.output import print_line, print_table
from fmnist_report.pipeline.plan import Plan
from fmnist_report.pipeline.progress import Progress
from fmnist_report.pipeline.signals import Stopped, stopping_in_time
from fmnist_report.pipeline.workers import Workers, check_request
from fmnist_report.presets import SettingRow, group_settings
from fmnist_report.renamed import rename_assignments, rename_stages
from fmnist_report.request import BuildPipeline, Request, run_request

STATES = {"cached": "cached", "skip": "cached", "compute": "stale", "undecided": "undecided"}
MOST_DIFFERENCES = 50  # listed by check
PROJECT = Path(__file__).resolve().parent.parent
SHARED = (  # options of a run that commands accept too
    "--cache-dir", "--preset", "--set", "--lang", "--data-dir", "--out", "--title-page", "--seed", "--quiet", "--debug",
    "--journal", "--only",
)  # fmt: skip
CONTEXT = {"help_option_names": ["-h", "--help"]}
HELP = """Write the report on transfer learning, from data to PDF.

Trains a multilayer perceptron and a convolutional network on Fashion-MNIST, classifies the features of VGG16,
fine-tunes its upper blocks, compares all of them, and renders the report. Results are cached; an interrupted run
resumes where it stopped.

Example: python run_all.py --preset quick --lang en
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT, help=HELP)
cache_app = typer.Typer(help="Inspect or clean the cache.", no_args_is_help=True, context_settings=CONTEXT)
app.add_typer(cache_app, name="cache")


def main(build_pipeline: BuildPipeline, arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 1 failed or stale, 2 usage error, 130 or 143 stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every terminal encoding has all letters
    progress = Progress(quiet="--quiet" in arguments)
    try:
        with stopping_in_time(lambda sentence: print_error(progress, sentence)):
            group, start = typer.main.get_group(app), (build_pipeline, progress)
            arguments = lead_with_shared(group, arguments)
            return group.main(args=arguments, prog_name="run_all.py", standalone_mode=False, obj=start) or 0
    except typer.TyperException as error:
        return _fail(progress, arguments, f"{error.format_message().rstrip('.')}. See run_all.py --help.", 2)
    except (ReportError, Stopped) as error:
        return _fail(progress, arguments, str(error), error.code)
    except Exception as error:
        hint = "" if "--debug" in arguments else " (--debug shows the traceback)"
        message = textwrap.shorten(str(error), 300, placeholder=" …")  # some messages contain whole arrays
        return _fail(progress, arguments, f"Unexpected {type(error).__name__}: {message}{hint}", 1)


def lead_with_shared(group: TyperGroup, arguments: list[str]) -> list[str]:
    """Move the options that a command shares with a run to before the command's name, where typer expects them."""
    options = [option for option in group.params if isinstance(option, TyperOption)]
    valued = {name for option in options if not option.is_flag for name in option.opts}
    leading: list[str] = []
    rest: list[str] = []  # from the command's name on
    words = iter(arguments)
    for word in words:
        is_leading = word.partition("=")[0] in SHARED or not (rest or word in group.commands)
        (leading if is_leading else rest).append(word)
        if is_leading and word in valued:
            leading.extend(itertools.islice(words, 1))
    return leading + rest


def _fail(progress: Progress, arguments: list[str], sentence: str, code: int) -> int:
    progress.close()
    if "--debug" in arguments:
        traceback.print_exc()
    print_error(progress, sentence)
    return code


def print_error(progress: Progress, sentence: str) -> None:
    """Print an error message."""
    progress.close()
    progress.console.print(f"run_all.py: {sentence}", markup=False, style="red")


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"fmnist_report {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    preset: Annotated[
        str,
        typer.Option("--preset", metavar="PRESET", help="quick, standard (the default) or best.", show_default=False),
    ] = "standard",
    lang: Annotated[
        list[str], typer.Option("--lang", metavar="LANG", help="uk or en; repeat for both. Both by default.")
    ] = [],  # noqa: B006 - typer reads the default, nobody changes it
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            help="Seed for initial weights and batch order; 0 by default.",
            show_default=False,
        ),
    ] = 0,
    set_: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Change a setting, e.g. cnn.epochs=12; repeatable.")
    ] = [],  # noqa: B006
    title_page: Annotated[
        Path | None, typer.Option("--title-page", metavar="FILE", help="TOML file with title, student, group …")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Folder with the Fashion-MNIST files or a custom data set."),
    ] = None,
    cache_dir: Annotated[
        Path, typer.Option("--cache-dir", metavar="DIR", help="Cache folder; cache by default.", show_default=False)
    ] = PROJECT / "cache",
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Output folder; report by default.", show_default=False)
    ] = PROJECT / "report",
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal", metavar="FILE", help="Journal of training runs; journal.jsonl in the cache folder by default."
        ),
    ] = None,
    force: Annotated[
        list[str],
        typer.Option("--force", metavar="STAGE", help="Recompute this stage and all that depend on it; repeatable."),
    ] = [],  # noqa: B006
    only: Annotated[
        str | None, typer.Option("--only", metavar="STAGE", help="Compute only this stage and its inputs.")
    ] = None,
    no_test: Annotated[
        bool, typer.Option("--no-test", help="Stop at validation, without reading the test labels.")
    ] = False,
    deterministic: Annotated[bool, typer.Option("--deterministic", help="Bit-for-bit reproducible results.")] = False,
    n_workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", help="Run N worker processes on this machine.", show_default=False),
    ] = 0,
    scheduler: Annotated[
        str, typer.Option("--scheduler", metavar="ADDRESS", help="Use the workers of this Dask scheduler.")
    ] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Print the stages to compute, and why, and stop.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only warnings and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Train, cache, compare and explain: write the report from data to PDF."""
    build_pipeline, progress = context.obj
    set_ = rename_assignments(set_, progress.warn)
    force = rename_stages(force, progress.warn)
    only = rename_stages([only], progress.warn)[0] if only else None
    request = Request(
        preset, lang, seed, set_, title_page, data_dir and data_dir.absolute(), cache_dir.absolute(), out.absolute(),
        journal and journal.absolute(), force, only, no_test, deterministic, Workers(scheduler, n_workers), progress,
        build_pipeline,
    )  # fmt: skip
    check_request(n_workers, scheduler)
    context.obj = request
    if context.invoked_subcommand:
        return
    cache = request.cache()
    plan = request.plan(cache)
    if explain:
        _print_plan(plan)
        return
    run_request(request, cache, plan)


def _print_plan(plan: Plan) -> None:
    rows = [(name, step.status, (step.key or "")[:12], step.reason) for name, step in plan.steps.items()]
    print_table(("stage", "action", "key", "reason"), rows)


@app.command(short_help="Show which stages are cached and which a run would compute.")
def status(
    context: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Show which stages are cached, which a run would compute, and why; exit code 1 if any would or may be.

    Also accepts the options of a run: --preset, --set, --lang, --seed, --data-dir, --cache-dir.
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
        _print_plan(plan)
    raise typer.Exit(1 if stale else 0)


@app.command("try", short_help="Train networks in full with other settings, and compare them.")
def try_(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE,VALUE…", help="A setting and its values, one setting at a time.")
    ],
    grid: Annotated[bool, typer.Option("--grid", help="Combine the values of all settings.")] = False,
    seeds: Annotated[
        int,
        typer.Option("--seeds", metavar="N", min=1, max=20, help="Training runs per value, each with another seed."),
    ] = 2,
    note: Annotated[
        str,
        typer.Option("--note", metavar="TEXT", help="What you expect; kept in the journal and shown in the report."),
    ] = "",
) -> None:
    """Train the networks that settings concern in full for each value, and compare them with the chosen values.

    For example: try cnn.dropout=0.1,0.3,0.5 --note "More dropout, fewer errors on validation". Separate changes that
    belong together with "+": cnn.optimizer=adamw+cnn.learning_rate=0.001. Of a setting that is a list, give one value
    at a time: cnn.widths=32,96,96 cnn.widths=64,96,96.

    Every run is judged on validation; the test labels are not read. What is in the cache is not trained again. All runs
    are recorded in the journal. Also accepts the options of a run: --preset and --set (the values to compare with),
    --seed, --data-dir, --cache-dir, --journal, and --only STAGE for one of several networks.
    """
    from fmnist_report.attempts import check_note, list_attempts, run_attempts

    request: Request = context.obj
    run_attempts(request, list_attempts(request, words, grid), seeds, check_note(note))


@app.command(short_help="List the training runs in the journal.")
def tried(
    context: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """List the full training runs on this data set, by network, with the settings that differ from the chosen ones.

    Also accepts the options of a run: --preset, --set, --data-dir, --cache-dir, --journal.
    """
    from fmnist_report.attempts import JOURNAL_COLUMNS, list_journal

    request: Request = context.obj
    runs = [run for run in request.journal.read() if run.data == request.data_set.sha256]
    if json_:
        typer.echo(json.dumps([dataclasses.asdict(run) for run in runs], indent=1, ensure_ascii=False))
    else:
        print_table(JOURNAL_COLUMNS, list_journal(runs, request.settings))


@app.command(short_help="List all settings for --set.")
def settings(context: typer.Context) -> None:
    """List every setting with its value under the given options, its accepted values and its meaning.

    Also accepts the options of a run: --preset, --set. Separate the items of a list with commas:
    --set cnn.widths=64,192,192.
    """
    request: Request = context.obj
    print_table(SettingRow._fields, group_settings(request.settings))


@app.command(short_help="Check the requirements of a run.")
def doctor(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", help="List every source of data and weights.")] = False,
) -> None:
    """Check Python, packages, memory, disk, Pango, fonts, and the sources of data and weights; suggest fixes.

    The exit code is 1 if a requirement is missing. Also accepts the options of a run: --data-dir, --cache-dir.
    """
    request: Request = context.obj
    findings = examine(request.data_dir, request.cache_dir, verbose)
    rows = [(finding.name, finding.state, finding.text) for finding in findings]
    print_table(("check", "status", "details"), rows)
    raise typer.Exit(1 if any(finding.state == "missing" for finding in findings) else 0)


@app.command(short_help="Check a report's numbers against its own predictions.")
def check(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A report in PDF or HTML, or its results.json.", exists=True, dir_okay=False
        ),
    ],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Check whether the numbers of a report follow from the predictions in it and the official labels; offline.

    Results are computed again from the predictions, the report is made again from the results, and every printed number
    is compared. The exit code is 1 if anything differs. Also accepts --data-dir and --cache-dir, where the files of
    Fashion-MNIST may be.
    """
    from fmnist_report.verification.check import KINDS, check_document, describe_limits

    request: Request = context.obj
    submission, verdict = check_document(file, request.data_dir, request.cache_dir)
    differences = [(KINDS[kind], found.place, found.printed, found.right) for kind, found in verdict.differences]
    if json_:
        named = [dict(zip(("kind", "place", "found", "right"), row, strict=True)) for row in differences]
        found = {"agreed": verdict.n_agreed, "differences": named, "remarks": verdict.remarks}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        raise typer.Exit(1 if differences else 0)
    print_table(("what", "agree", "differ"), verdict.rows)
    if differences:
        print_table(("what", "where", "found", "right"), differences[:MOST_DIFFERENCES])
    for line in [*verdict.remarks, *describe_limits(submission)]:
        print_line(line)
    n_agreed = sum(verdict.n_agreed.values())
    if not n_agreed and not differences:
        raise ReportError("Nothing in it could be compared.")
    print_line(
        f"{len(differences):,} values differ; {n_agreed:,} agree." if differences else f"All {n_agreed:,} values agree."
    )
    raise typer.Exit(1 if differences else 0)


@app.command(short_help="Compare two reports or results.")
def compare(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", exists=True, dir_okay=False)],
    second: Annotated[Path, typer.Argument(metavar="B", exists=True, dir_okay=False)],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Compare two reports in PDF or HTML, or results.json: settings, data, machine, versions, and accuracies.

    Where both have predictions for the same test images, the differences are tested by McNemar's test with Holm's
    correction for the number of models.
    """
    from fmnist_report.verification.compare import compare_documents

    found = compare_documents(first, second)
    if json_:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=1, ensure_ascii=False))
        return
    rows = [(*row,) for row in [*found.circumstances, *found.settings]]
    if rows:
        print_table(("what", "A", "B"), rows)
    else:
        print_line("Settings, data, machine and versions are the same.")
    print_table(("model", "A", "B", "B − A (points)", "adjusted 95% CI", "right in A or B alone", "p"), [
        (row["label"], f"{row['first']:.2%}", f"{row['second']:.2%}", f"{100 * (row['second'] - row['first']):+.2f}",
         f"{100 * row['low']:+.2f} to {100 * row['high']:+.2f}" if "low" in row else "",
         f"{row['only_first']:,}, {row['only_second']:,}" if "low" in row else "",
         f"{row['p_holm']:.3g}" if "low" in row else "")
        for row in found.models
    ])  # fmt: skip
    for line in found.remarks:
        print_line(line)


@cache_app.command("ls")
def cache_ls(context: typer.Context) -> None:
    """List cached entries with their sizes and dates."""
    request: Request = context.obj
    rows = [
        (stage, key[:12], f"{entry.n_bytes / 1e6:.1f} MB" if entry else damage or "", entry.created if entry else "")
        for stage, key, entry, damage in request.cache().entries()
    ]
    print_table(("stage", "key", "size", "created"), rows)


@cache_app.command("verify", short_help="Verify the digest of every cached file.")
def cache_verify(
    context: typer.Context,
    recompute: Annotated[
        str | None,
        typer.Option("--recompute", metavar="STAGE", help="Compute a cached stage again, and compare the results."),
    ] = None,
    first: Annotated[
        int | None,
        typer.Option("--first", metavar="N", min=1, help="With --recompute: only the first N shards or epochs."),
    ] = None,
) -> None:
    """Verify the digest of every cached file; exit code 1 if any differs.

    With --recompute, one stage is computed again from its cached inputs, beside its entry, and every file is compared:
    whether the bytes are the same, or by how much the numbers differ. Nothing is replaced. Results are the same bit for
    bit only with the same versions, number of cores and kind of processor. With --first N, only the first N shards of
    the features, or the first N epochs of a training, are computed again. Also accepts the options of a run.
    """
    request: Request = context.obj
    if first and not recompute:
        raise UsageError("--first needs --recompute STAGE.")
    if recompute:
        from fmnist_report.verification.repetition import repeat_stage

        name = rename_stages([recompute], request.progress.warn)[0]
        files = repeat_stage(request.plan(request.cache()), name, request.progress, first)
        request.progress.close()
        print_table(("file", "repetition"), list(files))
        raise typer.Exit(0 if all(file.agrees for file in files) else 1)
    n_damaged = 0
    for stage, key, entry, damage in request.cache().entries():
        damage = entry.damage(deep=True) if entry else damage
        n_damaged += bool(damage)
        print_line(f"{stage} {key[:12]}: {damage or 'sound'}")
    raise typer.Exit(1 if n_damaged else 0)


@cache_app.command("prune", short_help="Remove damaged and unfinished entries.")
def cache_prune(
    context: typer.Context,
    max_size: Annotated[
        str | None, typer.Option("--max-size", help="Evict the oldest entries above this size, e.g. 5GB.")
    ] = None,
) -> None:
    """Remove unfinished, damaged and quarantined entries; with --max-size, also the oldest above a total size."""
    request: Request = context.obj
    for line in request.cache().prune(parse_size(max_size) if max_size else None):
        print_line(f"removed {line}")


def parse_size(text: str) -> int:
    """Convert "5GB", "300 MB" or "1000" to bytes; raise UsageError for anything else."""
    try:
        return TypeAdapter(Annotated[ByteSize, Field(ge=0)]).validate_python(text.strip())
    except ValidationError:
        raise UsageError(f"--max-size expects a size such as 5GB, not {text!r}.") from None
