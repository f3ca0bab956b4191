"""What a JPEG file says about how its photo was compressed."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.metadata import orientation_of
from gdp_desktop.image.profiles import is_for_grey, to_srgb

# The tables of ITU-T T.81, annex K, that quality 50 stands for; rows are vertical frequencies.
_LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87
    80 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95
    98 112 100 103 99"""
_CHROMA = "17 18 24 47 18 21 26 66 24 26 56 99 47 66 99 99"


class Compression(NamedTuple):
    """The lossy part of a JPEG file, for its pixels as they are stored: not yet upright.

    ``tables`` (C, 8, 8) hold the step of every coefficient per component, rows are vertical
    frequencies; the components are Y, or Y, Cb and Cr. ``shrinkage`` says for each component how
    many pixels, across and down, share one of its values.
    """

    size: Size
    orientation: int
    tables: np.ndarray
    shrinkage: tuple[tuple[int, int], ...]


def standard_tables(quality: float) -> np.ndarray:
    """The tables (3, 8, 8) that libjpeg and most programs use for a quality from 1 to 100."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    chroma = np.full((8, 8), 99.0)
    chroma[:4, :4] = np.array(_CHROMA.split(), float).reshape(4, 4)
    luma = np.array(_LUMA.split(), float).reshape(8, 8)
    tables = np.stack([luma, chroma, chroma])
    return np.floor((tables * scale + 50) / 100).clip(1, 255)


def read_compression(path: str | os.PathLike[str]) -> Compression | None:
    """How the file is compressed; None if it is no JPEG.

    Raises PhotoError for a JPEG that keeps other components than brightness and colour difference.
    """
    image = _opened(path)
    if image is None:
        return None
    with image:
        layers = image.layer  # type: ignore[attr-defined]
        if image.mode == "CMYK" or (len(layers) == 3 and image.info.get("adobe_transform") == 0):
            raise PhotoError(
                f"{shown(path)} is a JPEG of an unusual kind ({_kind(image)}); save it as PNG and "
                "state the quality."
            )
        across, down = (max(layer[side] for layer in layers) for side in (1, 2))
        tables = [np.array(image.quantization[layer[3]]) for layer in layers]  # type: ignore[attr-defined]
        return Compression(
            Size(*image.size),
            orientation_of(image),
            np.stack(tables).reshape(-1, 8, 8).astype(float),
            # A single component is never shrunk, whatever its factors say.
            tuple((across // layer[1], down // layer[2]) for layer in layers)
            if len(layers) > 1 else ((1, 1),),
        )


def read_components(path: str | os.PathLike[str]) -> np.ndarray:
    """The decoded components (C, H, W) in 0 … 255, Y or Y, Cb and Cr, as they are stored.

    The profile of grey pixels is applied, as it is when the photo is opened: the steps of their
    coefficients are then only about what the file says.
    """
    with Image.open(path, formats=["JPEG", "MPO"]) as image:
        image.draft("YCbCr", None)
        icc = image.info.get("icc_profile")
        if image.mode == "L" and is_for_grey(icc):
            pixels = np.asarray(to_srgb(image, icc).getchannel("G"))
        else:
            pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def _opened(path: str | os.PathLike[str]) -> Image.Image | None:
    """None for what is no JPEG; PhotoError where there is nothing to be read any more."""
    try:
        return Image.open(path, formats=["JPEG", "MPO"])
    except UnidentifiedImageError:
        return None
    except OSError as error:
        raise PhotoError(
            f"{shown(path)} can no longer be read; put it back and try again."
        ) from error
    except Exception:  # what it is instead is not asked here
        return None


def _kind(image: Image.Image) -> str:
    return "CMYK" if image.mode == "CMYK" else "without a brightness component"
