"""IDX files: valid ones are parsed, and invalid ones are reported with the reason."""

import gzip
import struct

import numpy as np
import pytest

from fmnist_report.data.idx import check_pair, decompress, parse_idx

IMAGES = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(2 * 784)
LABELS = struct.pack(">II", 0x801, 3) + bytes([0, 5, 9])


def test_sound_images_and_labels_are_parsed():
    assert parse_idx(IMAGES, 0x803).shape == (2, 28, 28)
    assert parse_idx(LABELS, 0x801).tolist() == [0, 5, 9]


@pytest.mark.parametrize(
    ("raw", "magic", "sentence"),
    [
        (struct.pack(">I", 0x804) + IMAGES[4:], 0x803, "magic number is 0x00000804 instead of 0x00000803"),
        (LABELS, 0x803, "it holds labels, not images"),
        (IMAGES, 0x801, "it holds images, not labels"),
        (IMAGES[:-1], 0x803, "too few"),
        (IMAGES + b"x", 0x803, "too many"),
        (struct.pack(">IIII", 0x803, 2**31, 2**31, 2**31) + bytes(10), 0x803, "declares 9,903,520,314,283,042"),
        (IMAGES[:10], 0x803, "header is truncated"),
        (b"\0\0", 0x803, "only 2 bytes"),
        (b"\n<!DOCTYPE html><html>404</html>", 0x803, "HTML page"),
    ],
)
def test_bad_idx_file_is_named_by_its_fault(raw, magic, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_idx(raw, magic)


def test_truncated_gzip_is_noticed():
    with pytest.raises(ValueError, match="truncated"):
        decompress(gzip.compress(IMAGES)[:-9])


def test_damaged_gzip_is_noticed():
    packed = bytearray(gzip.compress(IMAGES))
    packed[-6] ^= 0xFF
    with pytest.raises(ValueError, match="damaged"):
        decompress(bytes(packed))


def test_gzip_bomb_is_not_unpacked():
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        decompress(gzip.compress(bytes(10**6)), limit=1000)


def test_counts_that_differ_are_noticed():
    with pytest.raises(ValueError, match="2 images but 3 labels"):
        check_pair(np.zeros((2, 28, 28), "uint8"), np.zeros(3, "uint8"), 10)


def test_label_above_nine_is_noticed():
    with pytest.raises(ValueError, match="label 10"):
        check_pair(np.zeros((1, 28, 28), "uint8"), np.array([10], "uint8"), 10)
