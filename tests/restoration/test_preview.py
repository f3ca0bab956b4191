"""The picture of a restoration under way: where an estimate is seen, and how much of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gdp_desktop.diffusion.handing_over import Coming, coming_back
from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration import preview
from gdp_desktop.restoration.preview import PreviewPainter

PHOTO = Photo(np.full((80, 96, 3), 70, np.uint8))


def painted_white(mask: Mask | None, region: Rect) -> np.ndarray:
    painter = PreviewPainter(PHOTO, mask, region, scale=1)
    painter.take(torch.ones(1, 3, region.height, region.width), level=0)
    return painter.picture()


def test_an_estimate_is_seen_in_its_region_and_nowhere_else() -> None:
    region = Rect(40, 30, 20, 10)
    expected = PHOTO.pixels.copy()
    expected[region.slices] = 255
    assert np.array_equal(painted_white(None, region), expected)


def test_an_estimate_is_seen_as_far_as_the_mask_lets_it() -> None:
    mask = Mask.empty(PHOTO.size)
    mask.pixels[30:40, 40:60] = 255
    mask.pixels[40, 40:60] = 32
    picture = painted_white(mask, mask.bounds().padded(9))
    assert (picture[mask.pixels == 255] == 255).all()
    assert (picture[mask.pixels == 32] == round(70 + (255 - 70) / 4)).all()
    assert (picture[mask.pixels == 0] == 70).all()


class Mark:
    """Of what is on its way until it has arrived."""

    def __init__(self) -> None:
        self.has_arrived = False

    def query(self) -> bool:
        return self.has_arrived

    def synchronize(self) -> None:
        assert self.has_arrived, "nobody should wait"


def test_what_is_on_its_way_is_seen_once_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[Mark] = []

    def sent(made: torch.Tensor) -> Coming:
        marks.append(Mark())
        return Coming(made, marks[-1])  # type: ignore[arg-type]

    monkeypatch.setattr(preview, "coming_back", sent)
    painter = PreviewPainter(PHOTO, None, Rect(0, 0, 96, 80), scale=1)
    for brightness in (0.0, 1.0, -1.0):
        painter.take(torch.full((1, 3, 80, 96), brightness), level=0)
    marks[1].has_arrived = True  # what comes later is not seen before what comes first
    assert not painter.has_news and (painter.picture() == 70).all()
    marks[0].has_arrived = True
    assert painter.has_news and (painter.picture() == 255).all()
    assert not painter.has_news
    marks[2].has_arrived = True
    assert painter.has_news and (painter.picture() == 0).all()
    assert not painter.has_news and (painter.picture() == 0).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA graphics card")
def test_a_real_card_sends_it_in_its_own_time() -> None:
    made = torch.rand(3, 500, 700)
    coming = [coming_back(share * made.cuda()) for share in (1, 2, 3)]
    for share, one in enumerate(coming, start=1):
        assert torch.equal(one.tensor(), share * made) and one.is_here
