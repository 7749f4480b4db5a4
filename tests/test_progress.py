"""Plain progress lines show stage, position, rate and the time left."""

import io

import pytest
from rich.console import Console

from fmnist_report.pipeline import progress
from fmnist_report.pipeline.progress import Progress


def make_progress(monkeypatch, quiet=False):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    text = io.StringIO()
    return Progress(quiet, Console(file=text, width=200)), clock, text


def test_rate_and_time_left_do_not_count_the_start(monkeypatch):
    shown, clock, text = make_progress(monkeypatch)
    shown.begin("cnn")
    for seconds, done in ((100.0, 1), (110.0, 2), (120.0, 3)):
        clock[0] = seconds
        shown.update(done, 10, "epoch 1/2", images=done * 50)
    assert text.getvalue().splitlines()[-1] == "cnn:  30% epoch 1/2, 5 images/s, 70 s left"


def test_lines_come_at_intervals_not_at_every_batch(monkeypatch):
    shown, clock, text = make_progress(monkeypatch)
    shown.begin("cnn")
    for number in range(1, 100):
        clock[0] += 1.0
        shown.update(number, 100)
    assert len(text.getvalue().splitlines()) == 1 + 6


def test_quiet_shows_warnings_alone(monkeypatch):
    shown, _, text = make_progress(monkeypatch, quiet=True)
    shown.begin("cnn")
    shown.update(1, 2)
    shown.say("done")
    shown.warn("careful")
    assert text.getvalue() == "Warning: careful\n"


def test_a_note_is_shown_as_it_stands(monkeypatch):
    shown, clock, text = make_progress(monkeypatch)
    shown.begin("photos [b]")
    clock[0] = 60.0
    shown.update(1, 2, "reads [new] photos")
    assert text.getvalue().splitlines() == ["photos [b]: started", "photos [b]:  50% reads [new] photos"]


@pytest.mark.parametrize("columns", ["0", "1", "20"])
def test_messages_are_printed_at_any_width(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    Progress().warn("something is missing")
    assert "something is missing" in " ".join(capsys.readouterr().err.split())
