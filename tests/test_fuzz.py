"""Arbitrary external input gives a result or one of the project's own errors."""

import gzip
import json
import math
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fmnist_report.cli import parse_size
from fmnist_report.data.idx import IMAGES_MAGIC, LABELS_MAGIC, decompress, parse_idx
from fmnist_report.errors import UsageError
from fmnist_report.pipeline.cache import Cache
from fmnist_report.pipeline.files import has_valid_checksum
from fmnist_report.presets import override, preset, setting_names, validate
from fmnist_report.report.title_page import read_document

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
