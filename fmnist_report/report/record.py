"""What a report carries of itself: its results, and the predictions from which they can be recomputed."""

from __future__ import annotations

import io
import typing
import zipfile

import numpy as np

RESULTS, PREDICTIONS = "report-results.json", "report-predictions.npz"  # names of the attachments
LABELS, NEAR = "y_test", "near_duplicates"
STEPS = 32  # per unit of a logarithm of probabilities
TOP = 65_535  # value of a probability of 1
MOST_BYTES = 1_200_000
MOST_UNPACKED = 2**29
MOST_ROUNDS = 100


def pack_predictions(arrays: dict[str, np.ndarray], most_bytes: int = MOST_BYTES) -> bytes:
    """Pack test labels and probabilities into a .npz file, quantised so that no predicted class changes.

    The highest probability of an image is rounded to 1/65,535; the others, relative to it, to 1/32 of a logarithm.

    Args:
        arrays: y_test, (n,); optionally near_duplicates, (n,) bool; and (n, classes) probabilities by model, of which
            the last are left out if the file would be larger than most_bytes.
    """
    packed = {name: arrays[name] for name in (LABELS, NEAR) if name in arrays}
    written = _save(packed)
    for name, probabilities in arrays.items():
        if name in (LABELS, NEAR):
            continue
        top, share, others = quantise(probabilities)
        # Bytes of one significance, and values of one class, are alike; so they compress better one after the other.
        bytes_of = np.stack([others.T >> 8, others.T & 255]).astype("uint8")
        more = {f"{name}/top": top, f"{name}/share": share, f"{name}/others": bytes_of}
        larger = _save(packed | more)
        if len(larger) > most_bytes:
            break
        packed, written = packed | more, larger
    return written


def _save(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, values in arrays.items():
            raw = io.BytesIO()
            np.lib.format.write_array(raw, np.ascontiguousarray(values), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), raw.getvalue(), zipfile.ZIP_DEFLATED)  # without a date
    return file.getvalue()


def quantise(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return predicted classes, their probabilities in steps of 1/TOP, and the others' logarithms, (n, classes - 1)."""
    n, n_classes = probabilities.shape
    top = probabilities.argmax(axis=1).astype("uint8")
    is_top = np.arange(n_classes) == top[:, None]
    highest = probabilities[is_top].astype("float64")
    others = probabilities[~is_top].reshape(n, -1).astype("float64") / highest[:, None]
    share = np.round(highest * TOP).astype("uint16")
    steps = np.round(-np.log(np.maximum(others, 1e-300)) * STEPS)
    codes = np.clip(steps, 0, TOP).astype("uint16")
    for number in range(MOST_ROUNDS):  # equal and nearly equal probabilities must keep their order
        chosen = restore(top, share, codes).argmax(axis=1)
        wrong = np.flatnonzero(chosen != top)
        if not len(wrong):
            break
        codes[wrong, chosen[wrong] - (chosen[wrong] > top[wrong])] += 1
        share[wrong] += np.minimum(number > 1, TOP - share[wrong]).astype("uint16")
    return top, share, codes


def restore(top: np.ndarray, share: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (n, classes) float64 probabilities from what quantise returned."""
    n, n_classes = len(top), others.shape[1] + 1
    relative = np.exp(-others.astype("float64") / STEPS)
    total = relative.sum(axis=1)
    highest = np.where(share == TOP, 1 / (1 + total), share / TOP)
    is_top = np.arange(n_classes) == top[:, None]
    found = np.empty((n, n_classes))
    found[is_top] = highest
    found[~is_top] = (relative * ((1 - highest) / np.maximum(total, 1e-300))[:, None]).ravel()
    return found


def unpack_predictions(raw: bytes) -> dict[str, np.ndarray]:
    """Return labels and probabilities of a file of pack_predictions.

    Raises:
        ValueError: it is not such a file, or unpacks to more than MOST_UNPACKED bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_UNPACKED:
                raise ValueError(f"it unpacks to more than {MOST_UNPACKED:,} bytes")
            arrays: dict[str, typing.Any] = {}
            for member in archive.infolist():
                with archive.open(member) as file:
                    head = io.BytesIO(file.read(MOST_UNPACKED))
                arrays[member.filename.removesuffix(".npy")] = np.lib.format.read_array(head, allow_pickle=False)
        labels = arrays[LABELS]
        if labels.ndim != 1 or labels.dtype.kind not in "ui":
            raise ValueError("its labels are not numbers of classes")
        found = {name: arrays[name] for name in (LABELS, NEAR) if name in arrays}
        for name in [name.removesuffix("/top") for name in arrays if name.endswith("/top")]:
            high, low = arrays[f"{name}/others"].astype("uint16")
            values = restore(arrays[f"{name}/top"], arrays[f"{name}/share"], ((high << 8) | low).T)
            if len(values) != len(labels):
                raise ValueError(f"{name} has {len(values)} predictions for {len(labels)} labels")
            found[name] = values
    except (KeyError, OSError, EOFError, IndexError, TypeError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"the predictions cannot be read ({error})") from None
    return found
