"""Arrays of images and labels in HDF5 files, as in PatchCamelyon; read with h5py."""

import contextlib
import typing
from pathlib import Path

if typing.TYPE_CHECKING:
    import h5py
    import numpy as np

SUFFIXES = frozenset({".h5", ".hdf5", ".hdf"})


def list_arrays(path: Path) -> list[str]:
    """Return the full names of the data sets in a file that have at least one axis; see list_shapes."""
    return list(list_shapes(path))


def list_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the data sets in a file that have at least one axis, by their full names.

    Soft and external links are not followed, so that no other file is read.

    Raises:
        ValueError: the file cannot be read.
    """
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str, node: typing.Any) -> None:
        if shape := getattr(node, "shape", None):
            found[name] = shape

    with _opening(path) as file:
        file.visititems(note)
    return found


def read_array(path: Path, name: str) -> "np.ndarray":
    """Return a data set of a file; text is returned as an array of str.

    Raises:
        ValueError: the file cannot be read, or the values of the data set are in another file.
    """
    import h5py
    import numpy as np

    with _opening(path) as file:
        values = file[name]
        if values.is_virtual or values.external:
            raise ValueError(f"the values of {name!r} are in another file; save them in this one")
        if h5py.check_string_dtype(values.dtype):
            return np.array(values.asstr()[()], str)
        return values[()]


@contextlib.contextmanager
def _opening(path: Path) -> "typing.Iterator[h5py.File]":
    """Open a file, and name it in errors of h5py, which raises many exception classes."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"{path.name} cannot be read ({str(error).splitlines()[0]})") from None
