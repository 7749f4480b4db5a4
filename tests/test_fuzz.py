"""Arbitrary external input gives a result or one of the project's own errors."""

import gzip
import io
import json
import math
import pickle
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from fmnist_report.cli import parse_size
from fmnist_report.data.custom.annotations import find_annotations
from fmnist_report.data.custom.conversions import advise
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.data.custom.image_index import ImageIndex
from fmnist_report.data.custom.images import Page, count_pages, read_images
from fmnist_report.data.custom.readers import READERS
from fmnist_report.data.custom.tree import walk
from fmnist_report.data.idx import IMAGES_MAGIC, LABELS_MAGIC, decompress, parse_idx
from fmnist_report.errors import ReportError, UsageError
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import has_valid_checksum
from fmnist_report.presets import override, preset, setting_names, validate
from fmnist_report.report.title_page import read_document
from fmnist_report.settings import DataSettings

KEY = "a" * 64
no_deadline = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@no_deadline
@given(st.binary(max_size=400), st.sampled_from([IMAGES_MAGIC, LABELS_MAGIC]))
@example(struct.pack(">4I", IMAGES_MAGIC, 2**32 - 1, 2**32 - 1, 2**32 - 1), IMAGES_MAGIC)
@example(struct.pack(">2I", LABELS_MAGIC, 0), LABELS_MAGIC)
def test_idx_of_any_bytes(raw, magic):
    try:
        array = parse_idx(raw, magic)
    except ValueError as error:
        assert str(error)
    else:
        assert array.dtype == np.uint8 and array.size == len(raw) - 4 * (1 + array.ndim)


@no_deadline
@given(st.sampled_from([IMAGES_MAGIC, LABELS_MAGIC]), st.lists(st.integers(0, 7), min_size=3, max_size=3), st.data())
def test_idx_comes_back_as_it_was_written(magic, sides, data):
    shape = sides[: magic & 0xFF]
    pixels = data.draw(st.binary(min_size=math.prod(shape), max_size=math.prod(shape)))
    array = parse_idx(struct.pack(f">{1 + len(shape)}I", magic, *shape) + pixels, magic)
    assert array.shape == tuple(shape) and array.tobytes() == pixels


@no_deadline
@given(st.binary(max_size=300), st.integers(0, 400))
def test_gzip_of_any_bytes(raw, cut):
    assert decompress(gzip.compress(raw)) == raw
    for damaged in (raw, gzip.compress(raw)[:cut], b"\x1f\x8b" + raw):
        try:
            decompress(damaged, limit=10_000)
        except ValueError as error:
            assert str(error)
    with pytest.raises(ValueError, match="unpacks to more"):
        decompress(gzip.compress(bytes(20_000)), limit=10_000)


@no_deadline
@given(st.one_of(st.text(), st.builds("{}={}".format, st.sampled_from(setting_names()), st.text())))
@example("cnn.epochs=1_0")
@example("cnn.learning_rate=nan")
@example("mlp.dropout=inf")
@example("cnn.epochs=" + "9" * 5_000)
def test_setting_of_any_words(assignment):
    try:
        changed = override(preset("quick"), [assignment])
        validate(changed)
    except UsageError as error:
        assert str(error)
    else:
        path, _, _ = assignment.partition("=")
        section, _, name = path.strip().partition(".")
        value = getattr(getattr(changed, section), name)
        assert not isinstance(value, float) or math.isfinite(value)


@no_deadline
@given(st.text())
def test_size_of_any_words(text):
    try:
        assert parse_size(text) >= 0
    except UsageError as error:
        assert "--max-size" in str(error)


@no_deadline
@given(
    st.binary(max_size=200)
    | st.text().map(str.encode)
    | st.builds("{} = {}".format, st.text(), st.text()).map(str.encode)
)
def test_title_page_of_any_bytes(raw):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "title_page.toml"
        path.write_bytes(raw)
        try:
            document = read_document([], path)
        except UsageError as error:
            assert str(error)
        else:
            assert all(isinstance(text, str) for lang in ("uk", "en") for text in document.title_page(lang).values())


@no_deadline
@given(json_values.map(json.dumps) | st.text())
def test_manifest_of_any_text_is_no_entry_and_no_crash(text):
    with tempfile.TemporaryDirectory() as folder:
        warnings = []
        cache = Cache(Path(folder), warnings.append)
        (cache.root / "stage" / KEY).mkdir(parents=True)
        (cache.root / "stage" / KEY / "manifest.json").write_text(text, "utf-8")
        assert cache.find("stage", KEY) is None and len(warnings) == 1
        assert cache.sound_entries("stage") == []


@no_deadline
@given(st.binary(max_size=600))
def test_checkpoint_of_any_bytes_is_not_opened(raw):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoint.h5").write_bytes(raw)
        assert not has_valid_checksum(Path(folder) / "checkpoint.h5")


def encode_pages(n):
    buffer = io.BytesIO()
    pages = [Image.new("L", (8, 8), 40 * number) for number in range(n)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


def encode_npz():
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    np.savez(buffer, x_train=rng.integers(0, 255, (24, 8, 8)).astype("uint8"), y_train=np.arange(24) % 3)
    return buffer.getvalue()


def encode_mat():
    import scipy.io

    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"X": np.zeros((8, 8, 3, 24), "uint8"), "y": np.zeros((24, 1), "uint8")})
    return buffer.getvalue()


def damaged(valid):
    """Return files like a valid one: with other bytes in some places, or cut."""
    edits = st.lists(st.tuples(st.integers(0, len(valid) - 1), st.integers(0, 255)), max_size=8)

    def damage(edits, cut):
        raw = bytearray(valid)
        for place, byte in edits:
            raw[place] = byte
        return bytes(raw[: len(raw) - cut])

    return st.builds(damage, edits, st.just(0) | st.integers(0, len(valid)))


CELLS = st.sampled_from(
    ["0.png", "1.png", "a/2.png", "2", "03", "cat", "dog", "label", "file", "file_name", "split", "train", "test",
     "1.0", '"', "'", "\\", "../0.png", "/", "", " ", "\0", "#", "{", "\ufeff", "\u2028", "nan", "-1", "9" * 40]
) | st.text(max_size=5)  # fmt: skip
TABLES = st.builds(
    lambda rows, separator, end: end.join(separator.join(row) for row in rows),
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=16),
    st.sampled_from([",", ";", "\t", " "]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)


def check_folder(folder):
    """Find the data set in a folder and read it; whatever is wrong must be one of the project's own errors."""
    try:
        data_set = find_data_set(folder)
        assert all(path.is_relative_to(folder) for path in (piece.path for piece in data_set.pieces))
        READERS[data_set.form](data_set, DataSettings(), lambda n, total: None)
    except (ReportError, ValueError) as error:
        assert str(error)


@no_deadline
@given(
    st.one_of(
        st.binary(max_size=300),
        TABLES.map(lambda text: text.encode("utf-8", "surrogatepass")),
        TABLES.map(lambda text: text.encode("utf-16", "surrogatepass")),
        st.lists(st.dictionaries(CELLS, CELLS), max_size=9).map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    ),
    st.sampled_from(["labels.csv", "train.csv", "test.txt", "a/list.tsv", "metadata.jsonl"]),
)
@example(b"file,label\n0.png,cat\n1.png,dog\n2.png,cat", "labels.csv")
@example(b"0.png 1\n1.png 2\n", "test.txt")
def test_table_of_any_bytes_beside_images(raw, name):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "a").mkdir()
        for number in range(4):
            Image.new("L", (8, 8), 40 * number).save(folder / ("a" * (number > 1)) / f"{number}.png")
        (folder / name).write_bytes(raw)
        tree = walk(folder)
        for table in find_annotations(tree, ImageIndex(tree)):
            images = {*table.labels, *table.splits}
            assert all(path.is_relative_to(folder) and path.suffix == ".png" for path in images)
        check_folder(folder)


FOLDERS = ["train", "Test", "val1", "cat", "dog", "images", "masks", "x_mask", "trainval", "a b"]
FILES = ["0.png", "1.tif", "train.npy", "cat.npy", "x.h5", "labels.csv", "b.mat", "c.zip", "d"]


@no_deadline
@given(
    st.lists(st.sampled_from(FOLDERS), min_size=1, max_size=3), st.lists(st.sampled_from(FILES), min_size=1, max_size=6)
)
def test_folder_of_any_names(folders, names):
    with tempfile.TemporaryDirectory() as place:
        for number, name in enumerate(names):
            path = Path(place).joinpath(*folders[: number % (len(folders) + 1)], name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        check_folder(Path(place))


@no_deadline
@given(damaged(encode_npz()), st.sampled_from(["set.npz", "x_train.npy"]))
def test_arrays_of_any_bytes(raw, name):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(raw)
        check_folder(Path(folder))


@no_deadline
@given(damaged(encode_pages(3)))
def test_pages_of_any_bytes(raw):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        path.write_bytes(raw)
        n_pages = count_pages(path)
        decoded = read_images([path, *(Page(path, number) for number in range(min(n_pages, 8)))], 8)
        assert len(decoded.grey) + len(decoded.faults) == 1 + min(n_pages, 8)


@no_deadline
@given(damaged(encode_mat()) | damaged(pickle.dumps([1, 2])) | st.binary(max_size=300),
       st.sampled_from(["a.mat", "a.pkl", "data_batch_1", "a.tfrecord", "b", "c.tar.gz", "a$(b).zip"]))  # fmt: skip
def test_advice_on_any_bytes(raw, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        assert all("$(" not in sentence.partition("python ")[2] for sentence in advise([path]))
        check_folder(Path(folder))
