"""Facts at the bottom of the window: the pixel under the pointer, the photo's size, the zoom."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar

from gdp_desktop.image.photo import Photo
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.viewport import Point
from gdp_desktop.ui.wording import percent


class StatusLine(QStatusBar):
    def __init__(self, document: Document) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self._document = document
        self._pixel, self._size, self._zoom = QLabel(), QLabel(), QLabel()
        for label, name in ((self._pixel, "Pixel under the pointer"), (self._size, "Photo size"),
                            (self._zoom, "Zoom")):
            label.setAccessibleName(name)
            label.setToolTip(name)
            self.addPermanentWidget(label)
        document.opened.connect(self._show_size)

    def show_zoom(self, zoom: float) -> None:
        self._zoom.setText(percent(zoom))

    def show_pixel(self, point: Point | None) -> None:
        """The photo's own values, 8 or 16 bits, at a place in photo pixels."""
        photo = self._document.photo
        self._pixel.setText(_pixel_text(photo, point) if photo and point else "")

    def _show_size(self) -> None:
        if photo := self._document.photo:
            width, height = photo.size
            self._size.setText(f"{width} × {height} · {photo.bits} bit · {photo.format}")


def _pixel_text(photo: Photo, point: Point) -> str:
    x, y = int(point.x // 1), int(point.y // 1)
    if not (0 <= x < photo.size.width and 0 <= y < photo.size.height):
        return ""
    red, green, blue = photo.pixels[y, x]
    return f"{x}, {y}:  {red} {green} {blue}"
