"""Tables of encoded images in .parquet files, as in Hugging Face datasets; read with pyarrow."""

import contextlib
import json
import typing
from collections.abc import Sequence
from pathlib import Path

from fmnist_report.data.custom.tables import LABEL_NAMES, USAGE
from fmnist_report.data.custom.tree import sort_key
from fmnist_report.errors import ReportError

IMAGE_NAMES = {"image", "img", "picture"}
MOST_NAMED = 8  # columns listed in a message


class Table(typing.NamedTuple):
    """The content of one file.

    images: encoded images.
    labels: integers, or text.
    names: class names, if the file contains them.
    usage: each row's split from the split column; empty if there is none.
    """

    images: list[bytes]
    labels: list[typing.Any]
    names: tuple[str, ...]
    usage: list[str]


def import_pyarrow() -> typing.Any:
    """Return pyarrow.parquet; raise ReportError with the install command if it is missing."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ReportError("To read .parquet, pyarrow is needed; run: .venv/bin/python -m pip install pyarrow") from None
    return parquet


def read_tables(paths: Sequence[Path], with_images: bool = True) -> tuple[list[Table], tuple[str, ...]]:
    """Read tables; return them, with labels in a common order of the classes, and the class names.

    Raises:
        ReportError: pyarrow is missing.
        ValueError: a file cannot be read, or its columns are ambiguous; the message names it.
    """
    parquet = import_pyarrow()
    tables = []
    for path in paths:
        with _naming(path):
            schema = parquet.read_schema(path)
        image, label, usage = find_columns(schema, path)
        with _naming(path):
            found = parquet.read_table(path, columns=[label, *usage, *([image] if with_images else [])])
            labels = found.column(label).to_pylist()
            splits = [value or "" for name in usage for value in found.column(name).to_pylist()]
            rows = found.column(image).to_pylist() if with_images else []
        if n := sum(value is None for value in labels):
            raise ValueError(f"{path.name}: {n:,} rows have no label")
        names = _read_names(schema, label)
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{path.name} has two classes named {twice!r}; rename one")
        images = [(row["bytes"] if isinstance(row, dict) else row) or b"" for row in rows]
        if rows and not any(images) and any(isinstance(row, dict) and row.get("path") for row in rows):
            raise ValueError(f"{path.name} contains only the paths of its images; save it with the images included")
        tables.append(Table(images, labels, names, splits))
    return _unite(tables, paths)


@contextlib.contextmanager
def _naming(path: Path) -> typing.Iterator[None]:
    try:
        yield
    except Exception as error:  # pyarrow raises many exception classes
        raise ValueError(f"{path.name} cannot be read ({str(error).splitlines()[0]})") from None


def _unite(tables: list[Table], paths: Sequence[Path]) -> tuple[list[Table], tuple[str, ...]]:
    kinds = {type(value) for table in tables for value in table.labels}
    if len(kinds) > 1:
        raise ValueError(f"the labels are of different types: {', '.join(sorted(kind.__name__ for kind in kinds))}")
    if kinds == {str}:
        names = tuple(sorted({value for table in tables for value in table.labels}, key=sort_key))
        own = [names] * len(tables)
    else:
        own = [table.names for table in tables]
        names = own[0] if own else ()
    united = []
    for table, listed, path in zip(tables, own, paths, strict=True):
        if set(listed) != set(names):
            raise ValueError(f"{path.name} has other class names than {paths[0].name}")
        place = {value: i for i, value in enumerate(names)}
        known = bool(names) and kinds != {str}
        labels = [
            place[value] if kinds == {str}
            else place[listed[int(value)]] if known and 0 <= value < len(listed)
            else value
            for value in table.labels
        ]  # fmt: skip
        united.append(table._replace(labels=labels, names=names))
    return united, names


def find_columns(schema: typing.Any, path: Path) -> tuple[str, str, list[str]]:
    """Return the names of the columns of images, of labels, and of the split, if there is one.

    Raises:
        ValueError: several columns qualify, or no column is recognised as labels by its name or class names.
    """
    import pyarrow as pa

    def is_encoded(kind: typing.Any) -> bool:
        binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        return binary or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)

    def is_label(kind: typing.Any) -> bool:
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        return is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind)

    def is_text(kind: typing.Any) -> bool:
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        return pa.types.is_string(kind) or pa.types.is_large_string(kind)

    images = [field.name for field in schema if is_encoded(field.type)]
    labels = [field.name for field in schema if is_label(field.type)]
    usage = [field.name for field in schema if field.name.casefold() in USAGE and is_text(field.type)][:1]
    labels = [name for name in labels if name not in usage] or labels
    usual = [name for name in labels if name.casefold() in LABEL_NAMES]
    named = [name for name in labels if _read_names(schema, name)]  # written by Hugging Face datasets
    if not usual and len(named) == 1:
        labels = named
    elif not usual and len(labels) == 1 and not is_text(schema.field(labels[0]).type):
        labels = []  # one number per row can be anything
    label = _choose("label", LABEL_NAMES, labels, schema, path)
    image = _choose("image", IMAGE_NAMES, images, schema, path)
    return image, label, [name for name in usage if name != label]


def _choose(what: str, usual: set[str], candidates: list[str], schema: typing.Any, path: Path) -> str:
    named = [name for name in candidates if name.casefold() in usual]
    named = [name for name in named if name.casefold() == what] or named
    if len(candidates) == 1 or len(named) == 1:
        return (named or candidates)[0]
    columns = ", ".join(schema.names[:MOST_NAMED]) + (" …" if len(schema.names) > MOST_NAMED else "")
    if not candidates:
        raise ValueError(f"{path.name} has no column of {what}s, such as {what!r}; its columns are {columns}")
    raise ValueError(
        f"the column of {what}s in {path.name} is ambiguous, {' or '.join(candidates[:MOST_NAMED])}; name it {what!r}"
    )


def _read_names(schema: typing.Any, label: str) -> tuple[str, ...]:
    """Return the class names from the metadata of Hugging Face datasets in a table; empty if there are none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features[label]["names"])
    except (KeyError, TypeError, ValueError):
        return ()


def name_classes(paths: Sequence[Path]) -> list[str]:
    """Return the names of the classes that occur, in the order of their labels; empty if the files have no names."""
    tables, names = read_tables(paths, with_images=False)
    labels = sorted({value for table in tables for value in table.labels})
    if not names or any(not 0 <= value < len(names) for value in labels):
        return []
    return [names[int(value)] for value in labels]
