"""Cache entries are complete, or they do not exist."""

import contextlib
import errno
import fcntl
import json
import os
import tempfile
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from fmnist_report.errors import ReportError
from fmnist_report.pipeline.cache import MANIFEST, Cache, join_provenance
from fmnist_report.pipeline.files import (
    UNFINISHED,
    digest_json,
    read_finished,
    replacing,
    replacing_hdf5,
    write_finished,
)

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
    return cache.commit(stage, key, {"created": created, "seconds": 1}, {}, {})


@contextlib.contextmanager
def held_elsewhere(cache):
    """Hold the entry's lock in another thread until the block ends or the yielded event is set."""
    held, released = threading.Event(), threading.Event()

    def hold():
        with cache.lock("stage", KEY):
            held.set()
            released.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    yield released
    released.set()
    thread.join()


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


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def change_hdf5(change):
    def damage(path):
        with h5py.File(path, "r+") as file:
            change(file)

    return damage


def give(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change_hdf5(change)


def store_outside(file):
    del file["values"]
    file.create_dataset("values", (4, 3), "float32", external=[("/etc/hostname", 0, 48)])


def map_outside(file):
    del file["values"]
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("/tmp/outside.h5", "values", (4, 3))
    file.create_virtual_dataset("values", layout)


def promise_a_petabyte(file):
    del file["values"]
    file.create_dataset("values", (2**25, 2**23), "float32", chunks=(1, 2**10))


DAMAGE = {
    "nothing left": lambda path: os.truncate(path, 0),
    "96 bytes": lambda path: os.truncate(path, 96),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "all but one byte": lambda path: os.truncate(path, path.stat().st_size - 1),
    "one byte more": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "a bit": flip_a_bit,
    "gone": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link": link,
    "another entry's file": lambda path: path.write_bytes(next(path.parents[1].glob("b*/" + path.name)).read_bytes()),
    "a planted pickle": lambda path: path.with_name("extra.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR."),
}
HDF5_DAMAGE = {
    "a NaN": give("values", np.full((4, 3), np.nan, "float32")),
    "another shape": give("values", np.zeros((3, 4), "float32")),
    "an external link": give("values", h5py.ExternalLink("/tmp/outside.h5", "values")),
    "a soft link": give("values", h5py.SoftLink("/nowhere")),
    "external storage": change_hdf5(store_outside),
    "a virtual data set": change_hdf5(map_outside),
    "a shape bomb": change_hdf5(promise_a_petabyte),
}


def fill(folder, number):
    (folder / "text.json").write_text(f'{{"number": {number}, "text": "{"x" * 200}"}}')
    np.savez(folder / "arrays.npz", values=np.full((4, 3), number, "float32"))
    with h5py.File(folder / "arrays.h5", "w") as file:
        file["values"] = np.full((4, 3), number, "float32")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, damage) for name in ("text.json", "arrays.npz", "arrays.h5", "manifest.json") for damage in DAMAGE),
        *(("arrays.h5", damage) for damage in HDF5_DAMAGE),
    ],
)
def test_damage_is_noticed_before_use_and_quarantined(cache, name, damage):
    for number, key in enumerate((KEY, "b" * 64)):
        fill(cache.work_folder("stage", key), number)
        entry = cache.commit("stage", key, {"created": "2026", "seconds": 1}, {}, {})
    assert cache.find("stage", KEY, deep=True)
    (DAMAGE | HDF5_DAMAGE)[damage](entry.path.with_name(KEY) / name)
    assert cache.find("stage", KEY, deep=True) is None
    assert len(cache.warnings) == 1 and "quarantined" in cache.warnings[0]
    assert len(list((cache.root / "quarantine").iterdir())) == 1
    assert cache.find("stage", "b" * 64, deep=True)


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
    del manifest["sha256"]
    (entry.path / "manifest.json").write_text(json.dumps(manifest | {"sha256": digest_json(manifest)}), "utf-8")
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


def test_finished_work_comes_back_and_a_changed_digit_is_noticed(tmp_path):
    assert read_finished(tmp_path) == {}
    write_finished(tmp_path, {"size = 48": {"val_accuracy": 0.875, "seconds": 1.5}})
    assert read_finished(tmp_path) == {"size = 48": {"val_accuracy": 0.875, "seconds": 1.5}}
    path = tmp_path / UNFINISHED / "finished.json"
    path.write_text(path.read_text("utf-8").replace("0.875", "0.975"), "utf-8")
    assert read_finished(tmp_path) == {}


def test_what_a_stage_resumed_from_goes_with_the_commit(cache):
    write_finished(cache.work_folder("stage", KEY), {"half": 1})
    entry = store(cache)
    assert list(entry.manifest["files"]) == ["artefact.txt"] and not (entry.path / UNFINISHED).exists()


@pytest.mark.parametrize("name", ["created", "seconds", "provenance", "components", "files"])
@pytest.mark.parametrize("value", [[], None, "x", {"a": 1}])
def test_changed_manifest_is_no_entry(cache, name, value):
    entry = store(cache)
    manifest = json.loads((entry.path / MANIFEST).read_text("utf-8"))
    (entry.path / MANIFEST).write_text(json.dumps(manifest | {name: value}), "utf-8")
    assert cache.peek("stage", KEY) == (None, "its manifest cannot be read")
    assert cache.sound_entries("stage") == []


def test_files_of_a_file_manager_do_no_harm(cache):
    entry = store(cache)
    (entry.path / ".DS_Store").write_text("icons")
    assert cache.find("stage", KEY, deep=True)


def test_prune_leaves_alone_what_a_run_is_making_and_removes_what_is_damaged(cache):
    (cache.work_folder("stage", KEY) / "half").write_text("")
    entry = store(cache, "b" * 64)
    (entry.path / "artefact.txt").write_text("damaged")
    with held_elsewhere(cache):
        removed = Cache(cache.root).prune()
    assert removed == [f"stage/{'b' * 12} (artefact.txt has 7 bytes instead of 8)"]
    assert [path.name for path in (cache.root / "stage").iterdir()] == [f".work-{KEY}"]


def test_prune_removes_unfinished_and_the_oldest(cache):
    store(cache, "a" * 64, text="x" * 100, created="2026-01-01")
    store(cache, "b" * 64, text="x" * 100, created="2026-01-02")
    (cache.work_folder("stage", "c" * 64) / "half").write_text("")
    cache.prune(150)
    assert [key for _, key, _, _ in cache.entries()] == ["b" * 64]
    assert not list(cache.root.glob("*/.work-*"))


def test_second_holder_waits_and_says_for_whom(cache):
    with held_elsewhere(cache) as released:
        threading.Timer(0.2, released.set).start()
        with Cache(cache.root, cache.warnings.append).lock("stage", KEY):
            assert released.is_set()
    assert "Waiting for process" in cache.warnings[0]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_locked_elsewhere(cache, tmp_path, monkeypatch, number):
    kernel_lock, common = fcntl.flock, tmp_path / "common"
    common.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(common))

    def flock(descriptor, operation):
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(cache.root):
            raise OSError(number, os.strerror(number))
        kernel_lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with held_elsewhere(cache) as released:
        (cache.work_folder("stage", KEY) / "half").write_text("")
        assert cache.prune() == []  # because it is being computed
        threading.Timer(0.2, released.set).start()
        with Cache(cache.root, cache.warnings.append).lock("stage", KEY):
            assert released.is_set()
    assert "Waiting for process" in cache.warnings[0] and len(list(common.iterdir())) == 1


def test_other_failures_of_a_lock_are_reported(cache, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, os.strerror(errno.EIO))))
    with pytest.raises(OSError, match="Input/output error"), cache.lock("stage", KEY):
        pass


def test_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="--cache-dir"):
        Cache(tmp_path / "file" / "cache").prepare()


def test_hdf5_files_of_equal_content_are_equal_and_of_an_old_format(tmp_path):
    contents = []
    for number in range(2):
        with replacing_hdf5(tmp_path / "file.h5") as file:
            file.attrs["a"] = "b"
            file.create_dataset("group/values", data=np.arange(6.0).reshape(2, 3), chunks=(1, 3))
            file["other/value"] = 1
        contents.append((tmp_path / "file.h5").read_bytes())
        time.sleep(1.1 - number)  # times in HDF5 are in seconds
    assert contents[0] == contents[1]
    superblock = contents[0][512:]
    assert superblock.startswith(b"\x89HDF\r\n\x1a\n") and superblock[8] < 2


def test_of_what_was_computed_twice_the_later_word_counts():
    older, newer = ({"created": f"2026-01-0{day}", "seconds": day} for day in (1, 2))
    assert join_provenance([{"features": newer}, {"features": older, "data": older}]) == {
        "features": newer,
        "data": older,
    }
    assert join_provenance([{"features": older}, {"features": newer}]) == {"features": newer}
    assert join_provenance([]) == {}
