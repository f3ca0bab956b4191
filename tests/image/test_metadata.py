"""What camera data say about the light, and what they may no longer say about the orientation."""

import pytest
from PIL import Image

from gdp_desktop.image.metadata import light_gathered, xmp_of

from .handmade import exif_block


def test_light_follows_time_and_speed_and_the_area_of_the_aperture() -> None:
    exif = exif_block(details={0x829A: 0.02, 0x829D: 4.0, 0x8827: 800})
    assert light_gathered(exif) == pytest.approx(0.02 * 800 / 4**2)


@pytest.mark.parametrize("said", [
    b"tiff:Orientation='6'", b'tiff:Orientation = "6"', b"<tiff:Orientation>6</tiff:Orientation>",
])
def test_xmp_says_upright_however_it_is_written(said: bytes) -> None:
    image = Image.new("L", (1, 1))
    image.info["xmp"] = said
    assert xmp_of(image) == said.replace(b"6", b"1")
