"""What a reader tells about a data set: what was left out, cut, scaled or taken for something; for users and report."""

from __future__ import annotations

import typing

from fmnist_report.messages import N_


class Note(str):
    """A sentence in English, without its full stop, that keeps its parts, so that the report can translate it.

    message: the sentence with {named} values.
    values: the values; names of files, folders and columns are str or lists of str, and are shown in quotation marks.
    """

    message: str
    values: dict[str, typing.Any]

    def __new__(cls, message: str, hint: str = "", **values: typing.Any) -> Note:
        """Fill in the values, and append a hint for users that the report does not show, such as a setting."""
        note = super().__new__(cls, message.format(**{name: _show(value) for name, value in values.items()}) + hint)
        note.message, note.values, note.hint = message, values, hint
        return note

    hint: str

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, typing.Any]]:
        return (self.message, self.hint), self.values

    def as_json(self) -> dict[str, typing.Any]:
        """Return message and values for origin.json."""
        return {"message": self.message, "values": self.values}


def _show(value: typing.Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} ({n:,})" for name, n in value.items())
    names = [repr(value)] if isinstance(value, str) else [repr(name) for name in value]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


NO_SPLIT = N_("{name} names no split: used for training")
STRAYS = N_("{n} images outside the folders of classes or splits are not used")
NOT_READ = N_("files in formats that are not read in {folder}: {kinds}")
EMPTY_FOLDER = N_("the folder {folder} contains no images")
MASKS = N_("{n} masks in {folder} are not used, such as {file}")
INNER = N_("{n} images in folders within {folder} belong to the same class")
DRAWN = N_("the images in {folder} are not used")
ROWS_UNKNOWN = N_("{n} rows of {table} name no image here")
ROWS_BLANK = N_("{n} rows of {table} have no class")
ROWS_SHORT = N_("{n} rows of {table} have more or fewer values than the first")
SPLITS_FROM = N_("the splits are those in {tables}")
NO_MEMBER = N_("{n} images are in none of the splits, so they are not used")
CLASSES_FROM = N_("the classes are in {columns} of {table}")
CLASSES_NUMBER = N_("the classes are in column number {n} of {table}")
SPLIT_FLAG = N_("in {column} of {table}, 0 is read as {other}")
SPLIT_NUMBERS = N_("the splits 0, 1 and 2 in {table} are read as train, val and test")
SPLIT_FOLDERS = N_("the splits are those of the folders {folders}")
COMBINED = N_("{n} classes are combinations, such as {name}")
RIVAL = N_("{n} rows of {table} have another class in {other} than in {own}, which is used")
TABLE_UNUSED = N_("{table} names the images, but is not used")
CASE = N_("class names differ only in case: {names}")
UNKNOWN_CLASS = N_("{name} is taken for a class")
NO_LABEL = N_("{n} images have the label −1, so they are not used")
LOW = N_("some values fall to {low}, but {share} % are at least {usual}; the lowest is black, so images are light")
UNLABELLED = N_("{n} images have no class, so they are not used, such as {file}")
IMAGES_UNUSED = N_("the images in the folder are not used")
TABLES_UNUSED = N_("the tables in the folder are not used")
ARRAYS_TRAIN = N_("arrays without a split in their names are the training split")
CLASS_ARRAYS = N_("each NumPy file is one class, named after the file")
NO_LABELS = N_("{file} has no column of labels, so it is not used")
LINKS = N_("{n} links lead out of the folder; what they lead to is read")
FASHION_PART = N_("only some of its files are Fashion-MNIST's, so it is treated as a custom data set")
FRAMES = N_("of {n} files with several frames or pages only the first is used, such as {file} with {frames}")
SIZES = N_("{n} images have {width} × {height} pixels, {others} another size, such as {file} with {w} × {h}")
CROPPED = N_("all images are cropped to squares of {side} × {side} pixels")
PADDED = N_("all images are padded with black to squares of {side} × {side} pixels")
CUT = N_("the ends are cut off of {n} images with one side at least {ratio} times the other, such as {file}, {w} × {h}")
PAGES = N_("each page is an image: {n} in {files} files")
ROWS = N_("rows of {n} values are read as {side} × {side} pixels in {channels} channels")
ROWS_CUT = N_("rows of {n} values are read as {side} × {side} pixels in {channels} channels, of which three are used")
BLANK = N_("{n} images have no value that is a number, such as number {first}; they are of one shade")
DARK = N_(
    "some values reach {high}, but {share} % are at most {usual}; the highest is the scale of all, so images are dark"
)
