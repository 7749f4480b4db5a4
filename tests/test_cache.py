"""Entries are whole or they are not entries."""

import json
import threading

import pytest

from fmnist_report.cache import Cache, replacing
from fmnist_report.errors import ReportError

KEY = "a" * 64


@pytest.fixture
def cache(tmp_path):
    warnings = []
    cache = Cache(tmp_path / "cache", warnings.append)
    cache.warnings = warnings
    cache.prepare()
    return cache


def store(cache, key=KEY, stage="stage", text="artefact", created="2026-01-01"):
    (cache.work_folder(stage, key) / "artefact.txt").write_text(text)
    return cache.commit(stage, key, {"created": created, "seconds": 1, "provenance": {}, "components": {}})


def test_stored_entry_is_found(cache):
    store(cache)
    assert (cache.find("stage", KEY, deep=True).path / "artefact.txt").read_text() == "artefact"


def test_unfinished_work_is_no_entry(cache):
    (cache.work_folder("stage", KEY) / "artefact.txt").write_text("half")
    assert cache.find("stage", KEY) is None
    assert cache.entries() == []


def test_leftover_of_a_killed_process_does_not_enter_the_entry(cache):
    (cache.work_folder("stage", KEY) / ".artefact.txt.123.tmp").write_text("half")
    entry = store(cache)
    assert list(entry.manifest["files"]) == ["artefact.txt"]
    assert sorted(path.name for path in entry.path.iterdir()) == ["artefact.txt", "manifest.json"]


@pytest.mark.parametrize("damage", [b"", b"artefac", b"brtefact", None])
def test_damaged_file_is_set_aside_with_a_warning(cache, damage):
    entry = store(cache)
    path = entry.path / "artefact.txt"
    path.unlink() if damage is None else path.write_bytes(damage)
    assert cache.find("stage", KEY, deep=True) is None
    assert "set aside" in cache.warnings[0]
    assert len(list((cache.root / "set-aside").iterdir())) == 1


@pytest.mark.parametrize("text", ["", "{", '{"format": 99}', "[]", "null"])
def test_unreadable_manifest_is_no_entry(cache, text):
    entry = store(cache)
    (entry.path / "manifest.json").write_text(text)
    assert cache.find("stage", KEY) is None
    assert cache.warnings


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname"])
def test_manifest_that_names_a_file_outside_its_entry_is_refused(cache, name):
    entry = store(cache)
    manifest = json.loads((entry.path / "manifest.json").read_text("utf-8"))
    manifest["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    (entry.path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert cache.find("stage", KEY) is None
    assert "manifest" in cache.warnings[0]


def test_entry_of_another_key_is_refused(cache):
    entry = store(cache)
    entry.path.rename(entry.path.with_name("b" * 64))
    assert cache.find("stage", "b" * 64) is None


def test_failed_replacement_leaves_the_former_file(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("former")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_prune_removes_unfinished_and_the_oldest(cache):
    store(cache, "a" * 64, text="x" * 100, created="2026-01-01")
    store(cache, "b" * 64, text="x" * 100, created="2026-01-02")
    (cache.work_folder("stage", "c" * 64) / "half").write_text("")
    cache.prune(150)
    assert [key for _, key, _, _ in cache.entries()] == ["b" * 64]
    assert not list(cache.root.glob("*/.work-*"))


def test_second_holder_waits_and_says_for_whom(cache):
    held, released = threading.Event(), threading.Event()

    def hold():
        with cache.lock("stage", KEY):
            held.set()
            released.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    threading.Timer(0.2, released.set).start()
    with Cache(cache.root, cache.warnings.append).lock("stage", KEY):
        assert released.is_set()
    thread.join()
    assert "Waiting for process" in cache.warnings[0]


def test_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="--cache-dir"):
        Cache(tmp_path / "file" / "cache").prepare()
