"""Pictures hold the values that they stand for, read back from their PNG."""

import base64
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdprof.stages.output_pictures import LARGEST_SIDE, output_pictures
from sdprof.stages.png import data_uri, png


def decoded(address: str) -> NDArray[np.uint8]:
    """Pixels of an unfiltered PNG; checks the sum of every chunk."""
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"), validate=True)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, chunks = 8, {}
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        (check,) = struct.unpack(">I", data[position + 8 + length : position + 12 + length])
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        position += 12 + length
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 8
    channels = {0: 1, 2: 3}[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert not rows[:, 0].any()
    pixels = rows[:, 1:].reshape(height, width, channels)
    return pixels[:, :, 0] if channels == 1 else pixels


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_pixels_come_back(height: int, width: int, grey: bool) -> None:
    shape = (height, width) if grey else (height, width, 3)
    pixels = np.random.default_rng(height * 10 + width).integers(0, 256, shape, dtype=np.uint8)
    assert (decoded(data_uri(pixels)) == pixels).all()
    assert png(pixels).startswith(b"\x89PNG")


def test_an_image_keeps_its_values_and_shows_its_difference() -> None:
    before = np.random.default_rng(0).random((1, 3, 8, 12), dtype=np.float32)
    after = before.copy()
    after[0, 1, 2, 3] += 0.5
    (picture,) = output_pictures({"image": before}, {"image": after})
    assert (picture.kind, picture.shape) == ("image", (1, 3, 8, 12))
    assert (decoded(picture.before_png) == np.rint(before[0].astype(np.float64).transpose(1, 2, 0) * 255)).all()
    difference = decoded(picture.difference_png)
    assert difference[2, 3] == 255
    assert (difference > 0).sum() == 1
    assert picture.max_abs_diff == pytest.approx(0.5, rel=1e-6)
    assert picture.shown == "Values from 0 to 1."


def test_equal_outputs_have_a_black_difference() -> None:
    output = {"latents": np.random.default_rng(1).normal(size=(2, 4, 16, 16))}
    (picture,) = output_pictures(output, output)
    assert picture.kind == "latents"
    assert not decoded(picture.difference_png).any()
    assert picture.max_abs_diff == 0
    assert picture.shown.startswith("The first sample, the first 3 of 4 channels as red, green and blue, values from")


def test_large_outputs_are_made_small_and_no_peak_of_the_difference_is_lost() -> None:
    before = np.zeros((3, 500, 700))
    after = before.copy()
    after[2, 17, 33] = 0.25
    (picture,) = output_pictures({"x": before}, {"x": after})
    difference = decoded(picture.difference_png)
    assert max(difference.shape) <= LARGEST_SIDE
    assert (difference == 255).sum() == 1


@pytest.mark.parametrize("shape", [(3,), (8, 8), (3, 2, 2), (5, 8, 8), (1, 77, 1024)])
def test_what_has_not_the_shape_of_a_picture_is_left_out(shape: tuple[int, ...]) -> None:
    output = {"x": np.ones(shape)}
    assert output_pictures(output, output) == ()


def test_bytes_with_the_channels_last_are_an_image() -> None:
    output = {"x": np.random.default_rng(2).integers(0, 256, (6, 9, 3), dtype=np.uint8)}
    (picture,) = output_pictures(output, output)
    assert (decoded(picture.before_png) == output["x"]).all()


@pytest.mark.parametrize("after", [{}, {"x": np.ones((3, 9, 8))}, {"x": np.full((3, 8, 8), np.nan)}])
def test_without_a_fellow_there_is_no_picture(after: dict[str, NDArray[np.generic]]) -> None:
    assert output_pictures({"x": np.ones((3, 8, 8))}, after) == ()
