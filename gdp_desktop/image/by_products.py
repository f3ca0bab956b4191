"""What a restoration finds out beside the photo, as picture files: a blur kernel, the light itself.

A by-product is a float array: (h, w) without a scale of its own, such as a blur kernel, or
(h, w, 3) in linear light without an upper end.
"""

import os
from pathlib import Path

import cv2
import numpy as np

from gdp_desktop.image.files import free_path
from gdp_desktop.image.writing import atomic_write


def by_product_path(result: Path, name: str, array: np.ndarray) -> Path:
    """RESULT.NAME.png or RESULT.NAME.tif beside the result."""
    return result.with_name(f"{result.stem}.{name}{'.png' if array.ndim == 2 else '.tif'}")


def save_by_product(
    array: np.ndarray, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Writes (h, w) as an 8-bit PNG whose white is the largest value, (h, w, 3) as a 32-bit float
    TIFF; returns where it is, which is another name if that one was taken.

    Raises PhotoError.
    """
    path = Path(path) if overwrite else free_path(path)
    if array.ndim == 2:
        peak = max(float(array.max()), np.finfo(np.float32).tiny)
        pixels = np.rint(255 * (array / peak).clip(0, 1)).astype(np.uint8)
    else:
        pixels = np.ascontiguousarray(array[..., ::-1], np.float32)
    done, data = cv2.imencode(path.suffix, pixels)
    if not done:
        raise ValueError(f"a by-product of shape {array.shape} cannot be encoded")
    atomic_write(path, data.tobytes(), overwrite=overwrite)
    return path
