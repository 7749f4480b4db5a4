"""Image decoding with Pillow: any size and mode, converted one at a time to greyscale of one size."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import typing
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps

LARGEST = 224  # pixels; images of one size up to this are not resized
GDAL_NODATA = 42113  # tag of the value that marks missing data
SIDEWAYS = (5, 6, 7, 8)  # orientations in EXIF
LUMA = np.array([0.299, 0.587, 0.114], "float32")  # weights of red, green and blue (ITU-R Recommendation BT.601)
EIGHT_BITS = (0.0, 255.0)
NEARLY_ALL = 0.998  # share of an image's values that strays are compared with
LEAST_SIDE = 8  # of colour images in rows of values
MOST_COMPARED = 200  # rows
CLEARLY = 0.7  # neighbours must differ so much less in colour, for rows to be no image in grey
FULL_SCALES = (1, 16, 255, 1023, 4095, 16383, 65535)  # maxima of images with 1, 4, 8, 10, 12, 14 and 16 bits


class Page(typing.NamedTuple):
    """One page of an image file, counted from 0."""

    path: Path
    number: int


Encoded = Path | bytes | Page


class Spread(typing.NamedTuple):
    """Lowest and highest values of all images, and without those outside NEARLY_ALL of each image."""

    low: float
    usual_low: float
    usual_high: float
    high: float


class DecodedImages(typing.NamedTuple):
    """The result of read_images.

    grey: (n, height, width) uint8, the images that can be read.
    read: their indices in the sources.
    faults: the reason why each of the others cannot be read, by index.
    sizes: width and height in pixels of each image that could be opened, by index.
    frames: number of frames or pages of each whole file that has several, by index; only the first is read.
    spread: of the values of images of more than eight bits; None if there are none.
    """

    grey: np.ndarray
    read: list[int]
    faults: dict[int, str]
    sizes: dict[int, tuple[int, int]]
    frames: dict[int, int]
    spread: Spread | None


class _LastMessage(logging.Handler):
    """Keeps what a logger said last, instead of showing it."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = record.getMessage()


PILLOW = _LastMessage()  # says more than the exceptions, such as the number of bands


@contextlib.contextmanager
def _whole_alone() -> typing.Iterator[None]:
    """Make Pillow reject truncated images, regardless of its current configuration, and suppress its messages."""
    former, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    logger = logging.getLogger("PIL")
    propagate, level, logger.propagate = logger.propagate, logger.level, False
    logger.addHandler(PILLOW)
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # far too large images are errors
            warnings.filterwarnings("ignore", module="PIL")  # on damage, for which there is an exception if it matters
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, logger.propagate = former, propagate
        logger.removeHandler(PILLOW)
        logger.setLevel(level)


@_whole_alone()
def read_images(
    sources: Sequence[Encoded], side: int, tick: typing.Callable[[int], None] = lambda n: None, *, pad: bool = False
) -> DecodedImages:
    """Decode images to 8-bit greyscale.

    If all have one size of at most LARGEST pixels, they keep it; otherwise they are centre-cropped or padded to squares
    and resized to side pixels. Images of more than eight bits are scaled by their common range. Only one image at a
    time is held in its original size.

    Args:
        sources: files, their pages, or their content.
        pad: pad with black instead of cropping.
        tick: called with the number of images done.
    """
    sizes: dict[int, tuple[int, int]] = {}
    faults: dict[int, str] = {}
    frames: dict[int, int] = {}
    low, high, integer = np.inf, -np.inf, True
    usual_low, usual_high = np.inf, -np.inf
    for number, source in enumerate(sources):
        with _noting(faults, number), _open(source) as image:
            size = read_size(image)
            if is_wide(image):
                values = read_values(image)
                finite = values[np.isfinite(values)]
                if not finite.size:
                    raise ValueError("none of its values is a number")
                low, high = min(low, finite.min()), max(high, finite.max())
                outermost = np.quantile(finite, (1 - NEARLY_ALL, NEARLY_ALL))
                usual_low, usual_high = min(usual_low, outermost[0]), max(usual_high, outermost[1])
                integer &= np.issubdtype(values.dtype, np.integer)
            n_frames = 1 if isinstance(source, Page) else getattr(image, "n_frames", 1)  # fails if a page is damaged
            sizes[number] = size
            if n_frames > 1:
                frames[number] = n_frames
    different = set(sizes.values())
    keep = len(different) == 1 and max(next(iter(different))) <= LARGEST
    width, height = next(iter(different)) if keep else (side, side)
    scale = find_scale(low, high, integer) if high > -np.inf else EIGHT_BITS
    grey: dict[int, np.ndarray] = {}
    for number in sizes:
        with _noting(faults, number), _open(sources[number]) as image:
            if not keep:
                image.draft(None, (2 * side, 2 * side))  # JPEG can be decoded at reduced resolution
            rotate(image)
            shades = to_grey(image, scale)
            fit = ImageOps.pad if pad else ImageOps.fit
            fitted = shades if keep else fit(shades, (width, height), Image.Resampling.LANCZOS)
            grey[number] = np.asarray(fitted, "uint8")
        tick(number)
    found = np.stack(list(grey.values())) if grey else np.empty((0, height, width), "uint8")
    spread = Spread(float(low), float(usual_low), float(usual_high), float(high)) if high > -np.inf else None
    return DecodedImages(found, list(grey), dict(sorted(faults.items())), sizes, frames, spread)


@contextlib.contextmanager
def _open(source: Encoded) -> typing.Iterator[Image.Image]:
    file = io.BytesIO(source) if isinstance(source, bytes) else source.path if isinstance(source, Page) else source
    PILLOW.said = ""
    with Image.open(file) as image:
        if isinstance(source, Page):
            image.seek(source.number)
        yield image


@_whole_alone()
def count_pages(path: Path) -> int:
    """Return the number of pages of a file if all have the same size and mode; otherwise 1, also if it is damaged."""
    kinds = set()
    try:
        with Image.open(path) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                kinds.add((image.size, image.mode))
            return number + 1 if len(kinds) == 1 else 1
    except MemoryError:
        raise
    except Exception:  # the reason is given when the image is read
        return 1


@contextlib.contextmanager
def _noting(faults: dict[int, str], number: int) -> typing.Iterator[None]:
    """Record why an image cannot be read, for any exception of its decoder."""
    try:
        yield
    except MemoryError:
        raise
    except Image.UnidentifiedImageError:
        faults[number] = "not an image that Pillow can read" + (f": {PILLOW.said}" if PILLOW.said else "")
    except OSError as error:
        faults[number] = error.strerror or str(error)
    except Exception as error:
        faults[number] = str(error) or type(error).__name__


def read_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height after rotation, before decoding."""
    width, height = image.size
    with contextlib.suppress(Exception):  # a damaged EXIF block can raise any exception
        if image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS:
            return height, width
    return width, height  # of TIFF files, Pillow swaps them itself


def rotate(image: Image.Image) -> None:
    """Decode an image and rotate or flip it as its EXIF block says; one with a damaged block is not rotated."""
    image.load()
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:
        raise
    except Exception:  # of a damaged block
        pass


def is_wide(image: Image.Image) -> bool:
    """Return whether an image may have values of more than eight bits."""
    return image.mode.startswith(("I", "F"))


def read_values(image: Image.Image) -> np.ndarray:
    """Return the values of an image of more than eight bits; NaN where a GeoTIFF marks missing data."""
    values = np.asarray(image)
    try:
        missing = float(str(getattr(image, "tag_v2", {}).get(GDAL_NODATA, "")).strip("\0 "))
    except ValueError:
        return values
    return np.where(values == missing, np.nan, values.astype("float64")) if (values == missing).any() else values


def to_grey(image: Image.Image, scale: tuple[float, float]) -> Image.Image:
    """Convert an image to greyscale.

    Transparent pixels become white, or black if the rest is light, so that they contrast with the rest.

    Args:
        scale: the values that become black and white in images of more than eight bits.
    """
    if is_wide(image):
        return Image.fromarray(scale_values(read_values(image), scale))
    if not image.has_transparency_data:
        return image.convert("L")
    coloured = image.convert("RGBA")
    opacity = np.asarray(coloured.getchannel("A"), "float32")
    shades = np.asarray(coloured.convert("L"), "float32")
    light = (shades * opacity).sum() > 127.5 * opacity.sum()
    ground = Image.new("RGBA", image.size, "black" if light else "white")
    return Image.alpha_composite(ground, coloured).convert("L")


def find_scale(low: float, high: float, integer: bool) -> tuple[float, float]:
    """Return the values that become black and white, from the range of all images.

    Non-negative integers have the full scale of the smallest sufficient number of bits, and real numbers up to 1 the
    scale 0 to 1; ranges with negative values are scaled from the lowest to the highest.
    """
    if low < 0:
        return float(low), float(high)
    if not integer and 1 < high < FULL_SCALES[2] / 2:
        return 0.0, float(high)
    return 0.0, float(next((top for top in FULL_SCALES if high <= top), high))


def scale_values(values: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Scale values to 0 … 255, uint8; NaN becomes black."""
    low, high = scale
    numbers = np.nan_to_num(values.astype("float32"), nan=low, posinf=high, neginf=low)
    shades = (numbers - low) * (255 / max(high - low, 1e-9))
    return np.clip(np.round(shades), 0, 255).astype("uint8")


def arrays_to_grey(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert arrays of images to (n, height, width) uint8 on a common scale.

    Args:
        arrays: (n, height, width), optionally with 1, 3 or 4 channels as the last or second axis, or (n, pixels) for
            square images; any type. 8-bit values are unchanged, unless all of them are small.

    Raises:
        ValueError: an array has another shape.
    """
    finite = [values[np.isfinite(values)] for values in arrays.values()]
    filled = [values for values in finite if values.size]
    if not filled:
        raise ValueError("none of the images' values is a number")
    low, high = min(float(values.min()) for values in filled), max(float(values.max()) for values in filled)
    whole = all(np.issubdtype(values.dtype, np.integer) for values in arrays.values())
    scale = find_scale(low, high, whole)  # before conversion to greyscale, which rounds
    shaped = {name: _to_planes(values, scale) for name, values in arrays.items()}
    return {
        name: values if values.dtype == np.uint8 and scale == EIGHT_BITS else scale_values(values, scale)
        for name, values in shaped.items()
    }


def list_forms(n_values: int) -> list[tuple[int, ...]]:
    """List the shapes of a square image that a row of so many values may hold.

    Returns:
        (side, side) in grey, (side, side, channels) with 3 or 4 channels, pixel by pixel, and (channels, side, side),
        channel by channel; the sides are at least LEAST_SIDE, but for grey ones.
    """
    side = math.isqrt(n_values)
    forms: list[tuple[int, ...]] = [(side, side)] if side * side == n_values else []
    for channels in (3, 4):
        side = math.isqrt(n_values // channels)
        if side >= LEAST_SIDE and channels * side * side == n_values:
            forms += [(side, side, channels), (channels, side, side)]
    return forms


def find_form(values: np.ndarray) -> tuple[int, ...] | None:
    """Return the form of rows of values, (n, values), in which neighbouring pixels differ least; None if there is none.

    Values that are read in a wrong form are neighbours of others, from which they differ more.
    """
    forms = list_forms(values.shape[1])
    if len(forms) < 2:
        return forms[0] if forms else None
    some = np.nan_to_num(values[:: max(1, len(values) // MOST_COMPARED)].astype("float32"))

    def differ(form: tuple[int, ...]) -> float:
        first = 2 if len(form) == 3 and form[0] < form[-1] else 1  # axis of the height
        images = some.reshape(-1, *form)
        return sum(float(np.abs(np.diff(images, axis=axis)).mean()) for axis in (first, first + 1))

    differences = {form: differ(form) for form in forms}
    best = min(forms, key=differences.__getitem__)
    grey = forms[0] if len(forms[0]) == 2 else None
    return grey if grey and differences[best] > CLEARLY * differences[grey] else best


def _to_planes(values: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    if values.ndim == 2 and (form := find_form(values)):
        values = values.reshape(-1, *form)
        if len(form) == 3:
            values = values if form[-1] < form[0] else np.moveaxis(values, 1, -1)
            values = values[..., :3]  # a fourth channel of a table is no transparency, but near infrared or the like
    if values.ndim == 4 and values.shape[-1] not in (1, 3, 4) and values.shape[1] in (1, 3, 4):
        values = np.moveaxis(values, 1, -1)
    if values.ndim == 4 and values.shape[-1] == 1:
        return values[..., 0]
    if values.ndim == 4 and values.shape[-1] in (3, 4):
        shades = values[..., :3].astype("float32") @ LUMA
        if values.shape[-1] == 3:
            return shades
        low, high = scale
        opacity = (values[..., 3].astype("float32") - low) / max(high - low, 1e-9)
        means = (shades * opacity).mean(axis=(1, 2)) / np.maximum(opacity.mean(axis=(1, 2)), 1e-9)
        ground = np.where(means > (low + high) / 2, low, high)[:, None, None]  # as in to_grey
        return shades * opacity + ground * (1 - opacity)
    if values.ndim != 3:
        raise ValueError(f"images of the shape {values.shape} are not supported; use (n, height, width)")
    return values
