from __future__ import annotations

from itertools import product

import pytest

from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.ui.viewport import MARGIN, MAX_ZOOM, Point, Viewport

VIEWPORTS = [
    Viewport(image, widget, ratio).fitted()
    for image, widget, ratio in product(
        (Size(6000, 4000), Size(96, 80), Size(30, 9000)),
        (Size(1000, 700), Size(333, 777)),
        (1.0, 1.5, 2.0),
    )
]
# Where on the photo the cursor is, as shares of its sides.
SHARES = ((0.1, 0.2), (0.5, 0.5), (0.987, 0.013))


def near(one: Point, other: Point, tolerance: float = 1e-6) -> bool:
    return abs(one.x - other.x) < tolerance and abs(one.y - other.y) < tolerance


def on_photo(viewport: Viewport, share: tuple[float, float]) -> Point:
    width, height = viewport.image
    return viewport.to_widget(Point(share[0] * width, share[1] * height))


@pytest.mark.parametrize("viewport", VIEWPORTS)
@pytest.mark.parametrize("share", SHARES)
def test_there_and_back_again(viewport: Viewport, share: tuple[float, float]) -> None:
    anchor = on_photo(viewport, share)
    for view in (viewport, viewport.zoomed_to(2.7, anchor), viewport.zoomed_to(0.1, anchor)):
        assert near(view.to_widget(view.to_image(anchor)), anchor)


@pytest.mark.parametrize("viewport", VIEWPORTS)
@pytest.mark.parametrize("share", SHARES)
def test_zooming_in_keeps_the_point_under_the_cursor(
    viewport: Viewport, share: tuple[float, float]
) -> None:
    anchor = on_photo(viewport, share)
    still = viewport.to_image(anchor)
    for _ in range(8):
        viewport = viewport.zoomed_to(viewport.zoom * 1.25, anchor)
        assert near(viewport.to_image(anchor), still, 1e-4)


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_fit_shows_the_whole_photo_and_no_more(viewport: Viewport) -> None:
    shown = viewport.rect_to_widget(Rect(0, 0, *viewport.image))
    assert shown.x >= MARGIN - 1 and shown.y >= MARGIN - 1
    tight = min(viewport.widget.width - shown.width, viewport.widget.height - shown.height)
    assert abs(tight - 2 * MARGIN) <= 2


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_at_100_percent_a_photo_pixel_is_a_device_pixel(viewport: Viewport) -> None:
    actual = viewport.zoomed_to(1.0, Point(10, 10))
    left, right = actual.to_widget(Point(0, 0)), actual.to_widget(Point(1, 0))
    assert (right.x - left.x) * actual.ratio == pytest.approx(1)


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_some_of_the_photo_is_always_in_the_middle(viewport: Viewport) -> None:
    for dx, dy in ((1e6, 1e6), (-1e6, 3), (0, -1e6)):
        view = viewport.zoomed_to(viewport.zoom * 3, Point(5, 5)).panned(dx, dy)
        assert 0 <= view.centre.x <= view.image.width
        assert 0 <= view.centre.y <= view.image.height


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_zooming_out_again_centres_the_photo(viewport: Viewport) -> None:
    away = viewport.zoomed_to(viewport.zoom * 3, Point(5, 5)).panned(400, 300)
    assert away.zoomed_to(viewport.fit_zoom, Point(1, 1)) == viewport.fitted()


def test_zoom_has_its_limits() -> None:
    viewport = VIEWPORTS[0]
    assert viewport.zoomed_to(1e9, Point(0, 0)).zoom == MAX_ZOOM
    assert viewport.zoomed_to(1e-9, Point(0, 0)).zoom == viewport.fit_zoom


def test_a_fitted_photo_stays_fitted_when_the_window_grows() -> None:
    grown = VIEWPORTS[0].resized(Size(1400, 900), 1.0)
    assert grown.is_fitted
    assert not VIEWPORTS[0].zoomed_to(1.0, Point(0, 0)).resized(Size(1400, 900), 1.0).is_fitted


def test_a_dirty_rectangle_covers_its_pixels() -> None:
    view = VIEWPORTS[0].zoomed_to(0.37, Point(411, 17))
    rect = view.rect_to_widget(Rect(101, 203, 7, 5))
    corner, far = view.to_widget(Point(101, 203)), view.to_widget(Point(108, 208))
    assert rect.x <= corner.x and rect.y <= corner.y
    assert rect.right >= far.x and rect.bottom >= far.y
