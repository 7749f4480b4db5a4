"""IDX files, the format of the MNIST family: decompression and parsing with precise errors."""

import gzip
import io
import math
import struct
import zlib

import numpy as np

IMAGES_MAGIC, LABELS_MAGIC = 0x803, 0x801
TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}  # by the third byte
MAX_IDX_BYTES = 64 * 2**20


def decompress(raw: bytes, limit: int = MAX_IDX_BYTES) -> bytes:
    """Return the IDX bytes of a file that may be gzipped.

    Raises:
        ValueError: it starts like gzip but is damaged, truncated, or larger than limit when decompressed.
    """
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            data = file.read(limit + 1)
    except EOFError:
        raise ValueError("the gzip file is truncated") from None
    except (OSError, zlib.error) as error:
        raise ValueError(f"the gzip file is damaged ({error})") from None
    if len(data) > limit:
        raise ValueError(f"the gzip file unpacks to more than {limit:,} bytes")
    return data


def parse_idx(raw: bytes, magic: int | None = None) -> np.ndarray:
    """Parse an IDX file.

    Args:
        raw: the decompressed file.
        magic: expected magic number: 0x803 for images in unsigned bytes, 0x801 for labels; None for any type and
            number of axes.

    Returns:
        Read-only array of the file's type and shape: for images (n, height, width), for labels (n,).

    Raises:
        ValueError: the file is invalid; the message says which field is wrong, and the expected and actual values.
    """
    if raw[:512].lstrip()[:1] == b"<":
        raise ValueError("it is an HTML page, not an IDX file")
    if len(raw) < 4:
        raise ValueError(f"it has only {len(raw)} bytes")
    (found,) = struct.unpack_from(">I", raw)
    if magic is None:
        if found >> 16 or found >> 8 not in TYPES or not found & 0xFF:
            raise ValueError(f"its magic number is 0x{found:08x}, which is not valid for IDX files")
        magic = found
    if found != magic:
        swapped = {IMAGES_MAGIC: "images", LABELS_MAGIC: "labels"}
        hint = f": it holds {swapped[found]}, not {swapped[magic]}" if found in swapped else ""
        raise ValueError(f"its magic number is 0x{found:08x} instead of 0x{magic:08x}{hint}")
    n_dimensions = magic & 0xFF
    if len(raw) < 4 + 4 * n_dimensions:
        raise ValueError("its header is truncated")
    shape = struct.unpack_from(f">{n_dimensions}I", raw, 4)
    kind = np.dtype(TYPES[magic >> 8])
    n_expected = math.prod(shape) * kind.itemsize
    n_found = len(raw) - 4 - 4 * n_dimensions
    if n_expected != n_found:
        trailing = "too many" if n_found > n_expected else "too few"
        raise ValueError(f"its header {shape} declares {n_expected:,} bytes, but {n_found:,} follow ({trailing})")
    return np.frombuffer(raw, kind, offset=4 + 4 * n_dimensions).reshape(shape)


def check_pair(images: np.ndarray, labels: np.ndarray, n_classes: int | None = None) -> None:
    """Check that images and labels match.

    Raises:
        ValueError: the counts differ, or a label is outside 0 … n_classes-1.
    """
    if len(images) != len(labels):
        raise ValueError(f"there are {len(images):,} images but {len(labels):,} labels")
    if n_classes is not None and labels.size and labels.max() >= n_classes:
        raise ValueError(f"there is a label {labels.max()}, but labels run from 0 to {n_classes - 1}")
