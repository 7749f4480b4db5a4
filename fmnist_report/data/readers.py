"""Readers of the forms of data sets: each gives the arrays of the parts that are there."""

import typing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist_report.data.detection import MAX_BYTES, DataSet, open_unpacked
from fmnist_report.data.idx import check_pair, parse_idx
from fmnist_report.data.layouts import Piece, read_columns
from fmnist_report.data.pictures import arrays_to_grey, read_pictures
from fmnist_report.data.tree import show_path, sort_key
from fmnist_report.errors import ReportError
from fmnist_report.settings import DataSettings

MOST_NAMED = 10  # unreadable pictures that a sentence names
Tick = typing.Callable[[int], None]


@dataclass(frozen=True)
class Read:
    """What was read.

    arrays: x_<part> (n, height, width) uint8 and y_<part> (n,) of whole numbers; parts are train and perhaps val and
        test.
    names: of the classes by their label, where the files tell them.
    unreadable: how many pictures could not be read, where they are to be skipped.
    """

    arrays: dict[str, np.ndarray]
    names: tuple[str, ...] = ()
    unreadable: int = 0


def read_idx_files(data_set: DataSet, data: DataSettings, tick: Tick) -> Read:
    """Read IDX files, plain or packed; of labels with several columns, as QMNIST's, the first counts."""
    found: dict[str, np.ndarray] = {}
    for piece in data_set.pieces:
        try:
            with open_unpacked(piece.path) as file:
                values = parse_idx(file.read(MAX_BYTES))
        except ValueError as error:
            raise ValueError(f"{piece.path.name}: {error}") from None
        if piece.what == "y" and values.ndim == 2:
            values = values[:, 0]
        if values.ndim not in ((1,) if piece.what == "y" else (3, 4)):
            wanted, other = ("labels", "pictures") if piece.what == "y" else ("pictures", "labels")
            raise ValueError(f"{piece.path.name}: it holds {other} of the shape {values.shape}, not {wanted}")
        found[f"{piece.what}_{piece.part}"] = values
    return _join_parts(found)


def read_arrays(data_set: DataSet, data: DataSettings, tick: Tick) -> Read:
    """Read .npz and .npy files; labels may stand in one column, or as one-hot rows."""
    found: dict[str, np.ndarray] = {}
    for piece in data_set.pieces:
        try:
            loaded = np.load(piece.path, allow_pickle=False)
            values = loaded[piece.key] if piece.key else loaded
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(f"{piece.path.name}: {error}") from None
        found[f"{piece.what}_{piece.part or 'train'}"] = _flatten(values, piece) if piece.what == "y" else values
    return _join_parts(found)


def _flatten(labels: np.ndarray, piece: Piece) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        return labels[:, 0]
    if labels.ndim == 2 and ((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all():
        return labels.argmax(axis=1)
    if labels.ndim != 1:
        raise ValueError(f"{piece.path.name}: labels of the shape {labels.shape} tell more than one class a picture")
    return labels


def read_csv(data_set: DataSet, data: DataSettings, tick: Tick) -> Read:
    """Read tables with a label and one column a pixel."""
    found: dict[str, np.ndarray] = {}
    for piece in data_set.pieces:
        columns = read_columns(piece.path)
        assert columns is not None and columns.label is not None, "the layout was found by it"
        order = (columns.label, *columns.pixels)
        try:
            table = np.loadtxt(
                piece.path, "float32", delimiter=columns.separator, skiprows=int(columns.has_header), usecols=order,
                ndmin=2, encoding="utf-8-sig",
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(f"{piece.path.name}: {error}") from None
        part = piece.part or "train"
        found |= {f"x_{part}": table[:, 1:], f"y_{part}": table[:, 0]}
    return _join_parts(found)


def read_parquet(data_set: DataSet, data: DataSettings, tick: Tick) -> Read:
    """Read tables with a column of encoded pictures and one of labels, as Hugging Face's datasets keep them.

    Raises:
        ReportError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ReportError("To read .parquet, pyarrow is needed; run: pip install 'fmnist_report[parquet]'") from None
    encoded: list[bytes] = []
    labels: list[typing.Any] = []
    parts: list[str] = []
    names: tuple[str, ...] = ()
    for piece in data_set.pieces:
        table = parquet.read_table(piece.path)
        picture, label = _find_columns(table.schema, piece.path)
        names = names or _read_names(table.schema, label)
        rows = table.column(picture).to_pylist()
        encoded += [(row["bytes"] if isinstance(row, dict) else row) or b"" for row in rows]
        labels += table.column(label).to_pylist()
        parts += [piece.part or "train"] * len(rows)
    if labels and isinstance(labels[0], str):
        names = tuple(sorted(set(labels), key=sort_key))
        labels = [names.index(label) for label in labels]
    origin = [f"row {number} of the tables" for number in range(len(encoded))]
    return _decode(encoded, np.array(labels), np.array(parts), names, origin, data, tick)


def _find_columns(schema: typing.Any, path: Path) -> tuple[str, str]:
    """Name the columns of pictures and of labels of a table."""
    import pyarrow as pa

    def is_encoded(kind: typing.Any) -> bool:
        return pa.types.is_binary(kind) or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)

    pictures = [field.name for field in schema if is_encoded(field.type)]
    labels = [f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_string(f.type)]
    labels.sort(key=lambda name: name not in ("label", "labels", "class", "target"))
    if len(pictures) != 1 or not labels:
        raise ValueError(f"{path.name} has the columns {', '.join(schema.names)}; one of encoded pictures and one of "
                         "labels are needed")  # fmt: skip
    return pictures[0], labels[0]


def _read_names(schema: typing.Any, label: str) -> tuple[str, ...]:
    """Return the classes' names from what Hugging Face's datasets note in a table; none where they do not."""
    import json

    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features[label]["names"])
    except (KeyError, TypeError, ValueError):
        return ()


def read_folders(data_set: DataSet, data: DataSettings, tick: Tick) -> Read:
    """Read a folder of pictures a class; the classes are in the order of their names."""
    names = tuple(sorted({piece.what for piece in data_set.pieces}, key=sort_key))
    number = {name: place for place, name in enumerate(names)}
    labels = np.array([number[piece.what] for piece in data_set.pieces])
    parts = np.array([piece.part or "train" for piece in data_set.pieces])
    assert data_set.folder is not None, "pictures lie in a folder"
    origin = [show_path(piece.path, data_set.folder) for piece in data_set.pieces]
    return _decode([piece.path for piece in data_set.pieces], labels, parts, names, origin, data, tick)


def _decode(
    sources: list, labels: np.ndarray, parts: np.ndarray, names: tuple[str, ...], origin: list[str],
    data: DataSettings, tick: Tick,
) -> Read:  # fmt: skip
    """Decode pictures and divide them into parts, shuffled, for files are in the order of the classes.

    Args:
        origin: what each of sources is called in a sentence.

    Raises:
        ValueError: some cannot be read and may not be skipped; names them.
    """
    pictures, read, faults = read_pictures(sources, data.side, tick)
    if faults and not data.skip_unreadable:
        named = "".join(f"\n  {origin[place]}: {reason}" for place, reason in list(faults.items())[:MOST_NAMED])
        further = f"\n  and {len(faults) - MOST_NAMED:,} more" if len(faults) > MOST_NAMED else ""
        raise ValueError(
            f"pictures that cannot be read: {len(faults):,}.{named}{further}\nRepair or remove them, or leave them out "
            "with --set data.skip_unreadable=true."
        )
    labels, parts = labels[read], parts[read]
    order = np.random.default_rng(data.split_seed).permutation(len(labels))
    pictures, labels, parts = pictures[order], labels[order], parts[order]
    arrays = {f"x_{part}": pictures[parts == part] for part in dict.fromkeys(parts.tolist())}
    arrays |= {f"y_{part}": labels[parts == part] for part in dict.fromkeys(parts.tolist())}
    return Read(arrays, names, len(faults))


def _join_parts(found: dict[str, np.ndarray]) -> Read:
    """Check that pictures and labels belong together, and bring the pictures to one scale."""
    parts = dict.fromkeys(name[2:] for name in found)
    for part in parts:
        for what, noun in (("x", "pictures"), ("y", "labels")):
            if f"{what}_{part}" not in found:
                raise ValueError(f"the {part} {noun} are not there")
        check_pair(found[f"x_{part}"], found[f"y_{part}"])
    grey = arrays_to_grey({name: values for name, values in found.items() if name.startswith("x")})
    shapes = {part: grey[f"x_{part}"].shape[1:] for part in parts}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{part} {' × '.join(map(str, shape))}" for part, shape in shapes.items())
        raise ValueError(f"the pictures of the parts have different sizes in pixels: {told}")
    labels = {name: values for name, values in found.items() if name.startswith("y")}
    for name, values in labels.items():
        if not np.issubdtype(values.dtype, np.number) or not (values == np.floor(values)).all():
            raise ValueError(f"the {name[2:]} labels are not whole numbers")
    return Read(grey | {name: values.astype("int64") for name, values in labels.items()})


READERS: dict[str, typing.Callable[[DataSet, DataSettings, Tick], Read]] = {
    "idx": read_idx_files, "arrays": read_arrays, "csv": read_csv, "parquet": read_parquet, "pictures": read_folders,
}  # fmt: skip
