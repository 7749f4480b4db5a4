"""Images of any mode and size are converted without loss of content."""

import io
import struct

import numpy as np
import pytest
from custom_data_sets import load_digits
from PIL import Image, ImageFile

from fmnist_report.data.custom.images import arrays_to_grey, find_form, find_scale, read_images, scale_values

SHADES = np.arange(0, 240, 10, "uint8").reshape(4, 6)  # 6 wide, 4 high; the brightest at the lower right


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(*sources, side=28):
    found, numbers, faults, *_ = read_images(sources, side)
    assert not faults and numbers == list(range(len(sources)))
    return found


@pytest.mark.parametrize(
    "source",
    [
        encode(Image.fromarray(SHADES)),
        encode(Image.fromarray(SHADES).convert("RGB")),
        encode(Image.fromarray(SHADES).quantize(24)),
        encode(Image.fromarray(SHADES).convert("RGB").convert("CMYK"), "TIFF"),
        encode(Image.fromarray(SHADES).convert("LA")),
        encode(Image.fromarray(SHADES), "WEBP", lossless=True),
        encode(Image.fromarray(SHADES), "GIF"),
        encode(Image.fromarray(SHADES), "PPM"),
        encode(Image.fromarray(SHADES.astype("uint16") * 257)),
        encode(Image.fromarray(SHADES.astype("uint16") * 16), "TIFF"),  # 12 bits
        encode(Image.fromarray(SHADES.astype("int32") * 257), "TIFF"),
        encode(Image.fromarray(SHADES / np.float32(255)), "TIFF"),
    ],
)
def test_every_mode_gives_the_same_shades(source):
    assert np.abs(read(source)[0].astype(int) - SHADES).max() <= 2


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (240, 0)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_differs_from_what_is_drawn(ink, ground, mode):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((ink, ink, ink, 255), (2, 2, 6, 6))
    found = read(encode(image.quantize(4) if mode == "P" else image.convert(mode)))[0]
    assert found[0, 0] == ground and abs(int(found[3, 3]) - ink) <= 4


@pytest.mark.parametrize(
    ("turn", "corner"),
    [(1, (3, 5)), (2, (3, 0)), (3, (0, 0)), (4, (0, 5)), (5, (5, 3)), (6, (5, 0)), (7, (0, 0)), (8, (0, 3))],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_images_stand_upright(turn, corner, kind):
    exif = Image.Exif()
    exif[0x0112] = turn
    found, _, _, sizes, *_ = read_images([encode(Image.fromarray(SHADES), kind, exif=exif)], 28)
    assert np.unravel_index(found[0].argmax(), found[0].shape) == corner
    assert sizes == {0: found[0].shape[::-1]}


def broken_exif(orientation):
    """Return an EXIF block whose resolution is a fraction of negative numbers at the end of the block."""
    entries = struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0) + struct.pack("<HHII", 0x11A, 10, 1, 10_000)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + b"\0\0\0\0"


def test_a_damaged_exif_block_is_no_damaged_image():
    for exif in (broken_exif(1), b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense"):
        found = read(encode(Image.fromarray(np.full((16, 16), 99, "uint8")), "JPEG", exif=exif))
        assert abs(int(found[0, 3, 3]) - 99) <= 2


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [([(224, 150)] * 2, (150, 224)), ([(225, 150)] * 2, (28, 28)), ([(40, 40), (41, 40)], (28, 28)),
     ([(1000, 600)] * 2, (28, 28))],
)  # fmt: skip
def test_one_size_is_kept_up_to_224_pixels(sizes, shape):
    assert read(*(encode(Image.new("L", size)) for size in sizes)).shape[1:] == shape


def test_large_photos_keep_their_middle():
    photo = Image.new("RGB", (4000, 3000), "white")
    photo.paste("black", (2000, 0, 4000, 3000))
    found = read(encode(photo, "JPEG"))[0]
    assert found[:, :13].min() > 240 and found[:, 15:].max() < 15


def test_what_cannot_be_read_is_reported_with_its_place(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as some libraries do
    whole = encode(Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60)).astype("uint8")), "JPEG")
    found, numbers, faults, *_ = read_images([whole, b"", whole[: len(whole) // 2], b"\0\0\0\x18ftypheic"], 28)
    assert len(found) == 1 and numbers == [0] and list(faults) == [1, 2, 3]
    assert faults[1] == "not an image that Pillow can read" and "truncated" in faults[2]


@pytest.mark.parametrize(
    ("low", "high", "integer", "expected"),
    [(0, 1, True, (0, 1)), (0, 16, True, (0, 16)), (0, 200, True, (0, 255)), (3, 4000, True, (0, 4095)),
     (0, 65535, True, (0, 65535)), (0, 1e6, True, (0, 1e6)), (-5, 5, True, (-5, 5)), (0, 0.9, False, (0, 1)),
     (0, 16.0, False, (0, 16)), (0, 254.0, False, (0, 255)), (-1, 1, False, (-1, 1))],
)  # fmt: skip
def test_the_scale_is_that_of_the_bits_that_hold_the_range(low, high, integer, expected):
    assert find_scale(low, high, integer) == expected


def test_values_that_are_no_numbers_do_not_count():
    shades = np.array([[0, 64, 128, 255]] * 8, "float32") / 255
    shades[0, 0] = np.nan
    assert read(encode(Image.fromarray(shades), "TIFF"))[0][1].tolist() == [0, 64, 128, 255]
    faults = read_images([encode(Image.fromarray(shades * np.nan), "TIFF")], 28)[2]
    assert faults == {0: "none of its values is a number"}


def test_arrays_are_scaled_alike():
    found = arrays_to_grey({"x_train": np.array([[[0, 0.5], [1, 0]]]), "x_test": np.array([[[0.25, 0], [0, 0]]])})
    assert found["x_train"][0, 0, 1] == 128 and found["x_test"][0, 0, 0] == 64
    assert scale_values(np.array([np.nan, 2.0]), (0, 1)).tolist() == [0, 255]
    white = np.array([[[[1023, 1023, 1023], [40, 40, 40]]]], "uint16")  # which rounds above its scale
    assert arrays_to_grey({"x": white})["x"][0, 0].tolist() == [255, 10]
    drawn = np.zeros((1, 2, 2, 4), "uint8")
    drawn[0, 0, 0, 3] = 255
    assert arrays_to_grey({"x": drawn})["x"][0].tolist() == [[0, 255], [255, 255]]
    eight = np.arange(100, 116, dtype="uint8").reshape(1, 4, 4)
    assert arrays_to_grey({"x_train": eight})["x_train"] is eight
    green = np.zeros((1, 2, 2, 3), "uint8") + np.array([0, 200, 0], "uint8")
    assert arrays_to_grey({"x": green})["x"][0, 0, 0] == round(200 * 0.587)


def make_smooth(side, n=30, seed=0):
    """Return smooth colour images, (n, side, side, 3) float32 from 0 to 255, whose channels differ."""
    from scipy import ndimage

    noise = np.random.default_rng(seed).random((n, side, side, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 0)) + np.array([0.0, 0.3, 0.6])
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype("float32")


@pytest.mark.parametrize("side", [8, 14, 28])
def test_rows_of_values_are_read_in_the_form_in_which_they_are(side):
    colour = make_smooth(side)
    four = np.concatenate([colour, colour[..., :1] * 0.4 + 150], axis=-1)
    grey = make_smooth(2 * side)[..., 0]
    for images, form in (
        (colour, (side, side, 3)), (np.moveaxis(colour, -1, 1), (3, side, side)), (four, (side, side, 4)),
        (np.moveaxis(four, -1, 1), (4, side, side)), (grey, (2 * side, 2 * side)),
    ):  # fmt: skip
        assert find_form(images.reshape(len(images), -1)) == form
    rows = {"interleaved": colour, "planar": np.moveaxis(colour, -1, 1), "four": four}
    found = arrays_to_grey({name: images.reshape(len(images), -1) for name, images in rows.items()})
    assert all((one == found["interleaved"]).all() for one in found.values())
    np.testing.assert_allclose(found["interleaved"], colour @ np.array([0.299, 0.587, 0.114]), atol=1)


def test_rows_that_are_no_square_have_no_form():
    assert find_form(np.zeros((3, 10))) is None and find_form(np.zeros((3, 784))) == (28, 28)


def test_grey_images_stay_grey():
    """Also noise, and digits: half of their side in four channels would have as many values."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 784)).astype("uint8")
    digits = load_digits()["x_train"].repeat(2, axis=1).repeat(2, axis=2).reshape(-1, 256)
    assert find_form(noise) == (28, 28) and find_form(digits) == (16, 16)
