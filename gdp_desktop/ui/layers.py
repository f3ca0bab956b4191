"""What lies on the canvas, one over the other; each layer covers the photo's whole rectangle."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter

from gdp_desktop.image.mask import Mask
from gdp_desktop.image.pyramid import Pyramid
from gdp_desktop.restoration.job import Preview
from gdp_desktop.ui.qimage import RGB, from_bgrx, from_mask, from_rgb
from gdp_desktop.ui.viewport import Viewport
from gdp_desktop.worker.display import to_srgb

SHARP_FROM_ZOOM = 4.0


class Layer(Protocol):
    def draw(self, painter: QPainter, viewport: Viewport) -> None: ...


class PhotoLayer:
    """Draws the level of the pyramid that has just enough pixels for the screen."""

    def __init__(self, pyramid: Pyramid) -> None:
        self._pyramid = pyramid
        self._images = [from_bgrx(level) for level in pyramid.levels]

    def draw(self, painter: QPainter, viewport: Viewport) -> None:
        zoom = viewport.zoom * viewport.image.width / self._pyramid.size.width
        level = self._pyramid.level_for(zoom)
        covers = self._pyramid.size.width / 2**level
        draw_image(painter, viewport, self._images[level], zoom, covers)


class PreviewLayer:
    """The clean estimate of a running job, smaller than the photo and stretched over it."""

    def __init__(self, preview: Preview, icc: bytes | None) -> None:
        self._image = from_rgb(to_srgb(preview.pixels, icc))

    def draw(self, painter: QPainter, viewport: Viewport) -> None:
        zoom = viewport.zoom * viewport.image.width / self._image.width()
        draw_image(painter, viewport, self._image, zoom, self._image.width())


class MaskLayer:
    """Shares the mask's memory, so that a stroke shows as soon as it is repainted."""

    def __init__(self, mask: Mask, colour: RGB, opacity: float) -> None:
        self._mask = mask
        self._image = from_mask(mask.pixels, colour, opacity)

    def draw(self, painter: QPainter, viewport: Viewport) -> None:
        draw_image(painter, viewport, self._image, viewport.zoom, self._mask.size.width)


def draw_image(
    painter: QPainter, viewport: Viewport, image: QImage, zoom: float, covers: float
) -> None:
    """``covers`` of the image's columns, which may be a fraction, are as wide as the photo.

    ``zoom`` is device pixels per image pixel; whole ones are put on the device's own grid, so that
    100 % is sharp.
    """
    is_exact = zoom == round(zoom)
    smooth = zoom < SHARP_FROM_ZOOM and not is_exact
    rect = photo_rect(viewport)
    if is_exact:
        ratio = viewport.ratio
        rect.moveTo(round(rect.x() * ratio) / ratio, round(rect.y() * ratio) / ratio)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
    painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
    painter.translate(rect.topLeft())
    painter.scale(rect.width() / covers, rect.width() / covers)
    painter.drawImage(0, 0, image)
    painter.restore()


def photo_rect(viewport: Viewport) -> QRectF:
    x, y = viewport.origin
    size = viewport.image
    return QRectF(x, y, size.width * viewport.scale, size.height * viewport.scale)
