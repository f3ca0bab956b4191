"""Where the photo lies in the widget: zoom, pan and fit as pure functions.

Three units: image pixels; the widget's logical units, in which Qt tells positions; and device
pixels, of which ``ratio`` go into a logical unit. At 100 % an image pixel is one device pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from gdp_desktop.image.geometry import Rect, Size

MAX_ZOOM = 32.0
MARGIN = 16


class Point(NamedTuple):
    """A position between pixels, in image pixels or in widget units."""

    x: float
    y: float


@dataclass(frozen=True)
class Viewport:
    """``zoom`` is device pixels per image pixel; ``centre`` the image point in mid-widget."""

    image: Size = Size(1, 1)
    widget: Size = Size(1, 1)
    ratio: float = 1.0
    zoom: float = 1.0
    centre: Point = Point(0.5, 0.5)

    @property
    def scale(self) -> float:
        """Widget units per image pixel."""
        return self.zoom / self.ratio

    @property
    def origin(self) -> Point:
        """The photo's top left corner in the widget."""
        return Point(
            self.widget.width / 2 - self.centre.x * self.scale,
            self.widget.height / 2 - self.centre.y * self.scale,
        )

    @property
    def fit_zoom(self) -> float:
        """The zoom at which the whole photo just fits."""
        across = (self.widget.width - 2 * MARGIN) / self.image.width
        down = (self.widget.height - 2 * MARGIN) / self.image.height
        return max(1e-3, min(across, down) * self.ratio)

    @property
    def is_fitted(self) -> bool:
        return self == self.fitted()

    def to_widget(self, point: Point) -> Point:
        origin = self.origin
        return Point(origin.x + point.x * self.scale, origin.y + point.y * self.scale)

    def to_image(self, point: Point) -> Point:
        origin = self.origin
        return Point((point.x - origin.x) / self.scale, (point.y - origin.y) / self.scale)

    def rect_to_widget(self, rect: Rect) -> Rect:
        """The whole widget units that show any of these image pixels."""
        left, top = self.to_widget(Point(rect.x, rect.y))
        right, bottom = self.to_widget(Point(rect.right, rect.bottom))
        x, y = int(left // 1), int(top // 1)
        return Rect(x, y, int(-(-right // 1)) - x, int(-(-bottom // 1)) - y)

    def fitted(self) -> Viewport:
        middle = Point(self.image.width / 2, self.image.height / 2)
        return replace(self, zoom=self.fit_zoom, centre=middle)

    def zoomed_to(self, zoom: float, anchor: Point) -> Viewport:
        """Keeps the image point that lies under ``anchor`` (widget units) where it is."""
        zoom = min(max(zoom, min(self.fit_zoom, 1.0)), max(MAX_ZOOM, self.fit_zoom))
        still = self.to_image(anchor)
        shrink = self.zoom / zoom
        centre = Point(
            still.x + (self.centre.x - still.x) * shrink,
            still.y + (self.centre.y - still.y) * shrink,
        )
        return replace(self, zoom=zoom, centre=centre).clamped()

    def panned(self, dx: float, dy: float) -> Viewport:
        """Moves the photo by widget units."""
        centre = Point(self.centre.x - dx / self.scale, self.centre.y - dy / self.scale)
        return replace(self, centre=centre).clamped()

    def clamped(self) -> Viewport:
        """A photo that is wholly in view is centred; else mid-widget always shows some of it."""
        width, height = self.image
        if self.zoom <= self.fit_zoom:
            return replace(self, centre=Point(width / 2, height / 2))
        x = min(max(self.centre.x, 0.0), float(width))
        y = min(max(self.centre.y, 0.0), float(height))
        return replace(self, centre=Point(x, y))

    def resized(self, widget: Size, ratio: float) -> Viewport:
        """For another widget size or screen; a fitted photo stays fitted."""
        changed = replace(self, widget=widget, ratio=ratio)
        return changed.fitted() if self.is_fitted else changed.clamped()
