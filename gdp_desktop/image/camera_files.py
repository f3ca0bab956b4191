"""Photos as cameras and phones write them, read with packages that need not be installed."""

import importlib
import io
from typing import Any

import numpy as np
from PIL import Image

from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.formats import HEIC, RAW, CameraFormat
from gdp_desktop.image.geometry import Size

# sRGB's own curve: its power, and the slope of its straight foot (IEC 61966-2-1).
_SRGB_CURVE = (2.4, 12.92)


def opened_heic(data: bytes, name: str) -> Image.Image:
    """A HEIC file as Pillow opens it: upright, its pixels with 8 bits."""
    package = _package(HEIC, name)
    package.register_heif_opener()
    return Image.open(io.BytesIO(data), formats=("HEIF",))


def deep_heic(data: bytes) -> np.ndarray:
    """The upright pixels of a HEIC file that has more than 8 bits, spread over all of 16: grey
    (H, W), or RGB (H, W, 3), or with alpha (H, W, 4)."""
    pillow_heif = importlib.import_module(HEIC.module)
    return np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=False))


class Raw:
    """A camera's raw file, read but not developed."""

    def __init__(self, data: bytes, name: str) -> None:
        """Raises PhotoError if nothing here can read it."""
        self._rawpy = _package(RAW, name)
        try:
            self._file = self._rawpy.imread(io.BytesIO(data))
        except self._rawpy.LibRawError as error:
            raise PhotoError(
                f"{name} is damaged, or of a camera that is not known; develop it first and save "
                "it as a 16-bit TIFF or PNG."
            ) from error

    @property
    def size(self) -> Size:
        return Size(self._file.sizes.iwidth, self._file.sizes.iheight)

    def developed(self) -> np.ndarray:
        """Upright RGB (H, W, 3) uint16 in sRGB: the camera's white balance and nothing else, so
        that the light stays what it was."""
        with self._file as file:
            return file.postprocess(
                use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=_SRGB_CURVE,
                output_color=self._rawpy.ColorSpace.sRGB,
            )


def _package(format: CameraFormat, name: str) -> Any:  # noqa: ANN401 - it may not be there
    try:
        return importlib.import_module(format.module)
    except ImportError as error:
        raise PhotoError(
            f"{name} is a {format.title} file; save it as a 16-bit TIFF or PNG first, or install "
            f"{format.package} to open it."
        ) from error
