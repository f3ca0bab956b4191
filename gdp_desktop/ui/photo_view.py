"""The photo on neutral grey: zoom and pan, mask, live preview, before and after."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.layers import Layer, MaskLayer, PhotoLayer, PreviewLayer
from gdp_desktop.ui.split import Split, draw_divider, draw_label
from gdp_desktop.ui.viewport import Point, Viewport

BACKGROUND = QColor(78, 78, 78)
MASK_COLOUR = (235, 64, 52)
MASK_OPACITY = 0.5
LABEL_MARGIN = 12


class PhotoView(QWidget):
    """Shows one document and changes nothing in it."""

    zoom_changed = Signal(float)
    compare_changed = Signal()

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._viewport = Viewport()
        self._before: Layer | None = None
        self._after: Layer | None = None
        self._mask: Layer | None = None
        self._split = Split()
        self._shows_before = self._shows_split = False
        self._shows_mask = True
        # Every pixel is painted, so Qt need not clear them first.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 200)
        document.opened.connect(self._on_opened)
        document.mask_changed.connect(self._on_mask_changed)
        document.result_changed.connect(self._renew_after)
        document.preview_changed.connect(self._renew_after)
        document.amount_changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(900, 640)

    # What it shows

    @property
    def viewport(self) -> Viewport:
        return self._viewport

    @property
    def has_photo(self) -> bool:
        return self._before is not None

    @property
    def shows_mask(self) -> bool:
        return self._shows_mask

    def show_before(self, on: bool) -> None:
        self._shows_before = on
        self._renew_compare()

    def show_split(self, on: bool) -> None:
        self._shows_split = on
        self._renew_compare()

    def show_mask(self, on: bool) -> None:
        self._shows_mask = on
        self._renew_compare()

    def _renew_compare(self) -> None:
        self.update()
        self.compare_changed.emit()

    def place_split(self, x: float) -> None:
        if self.has_split:
            self._split.place(x, self.width())
            self.update()

    @property
    def has_split(self) -> bool:
        return self._shows_split and self._after is not None

    def is_near_split(self, x: float) -> bool:
        return self.has_split and self._split.is_near(x, self.width())

    # Where it shows it

    def fit(self) -> None:
        self._set_viewport(self._viewport.fitted())

    def zoom_to(self, zoom: float, anchor: QPointF | None = None) -> None:
        """1.0 is 100 %; the point under ``anchor``, or in the middle, stays where it is."""
        anchor = anchor or QPointF(self.width() / 2, self.height() / 2)
        self._set_viewport(self._viewport.zoomed_to(zoom, Point(anchor.x(), anchor.y())))

    def zoom_by(self, factor: float, anchor: QPointF | None = None) -> None:
        self.zoom_to(self._viewport.zoom * factor, anchor)

    def toggle_zoom(self, anchor: QPointF | None = None) -> None:
        if self._viewport.is_fitted:
            self.zoom_to(1.0, anchor)
        else:
            self.fit()

    def pan(self, dx: float, dy: float) -> None:
        self._set_viewport(self._viewport.panned(dx, dy))

    def _set_viewport(self, viewport: Viewport) -> None:
        if self._before is None or viewport == self._viewport:
            return
        self._viewport = viewport
        self.update()
        self.zoom_changed.emit(viewport.zoom)

    # What the document tells

    def _on_opened(self) -> None:
        source = self._document.source
        if source is None:
            return
        self._before = PhotoLayer(source.pyramid)
        self._mask = MaskLayer(self._document.mask, MASK_COLOUR, MASK_OPACITY)
        self._viewport = Viewport(
            source.photo.size, Size(self.width(), self.height()), self.devicePixelRatioF()
        ).fitted()
        self._renew_after()
        self.zoom_changed.emit(self._viewport.zoom)

    def _renew_after(self) -> None:
        document = self._document
        if document.preview and document.photo:
            self._after = PreviewLayer(document.preview, document.photo.icc)
        else:
            self._after = PhotoLayer(document.result.pyramid) if document.result else None
        self.update()

    def _on_mask_changed(self, rect: Rect) -> None:
        if not self._shows_mask:
            self.show_mask(True)
        x, y, width, height = self._viewport.rect_to_widget(rect).padded(2)
        self.update(QRect(x, y, width, height))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(event.rect(), BACKGROUND)
        if self._before is None:
            return
        if self._after is None or self._shows_before:
            self._draw_before(painter)
        elif self._shows_split:
            self._draw_halves(painter)
        else:
            self._draw_after(painter)
            self._draw_mask(painter)
        if self._after and self._shows_before:
            draw_label(painter, "Before", QPointF(LABEL_MARGIN, LABEL_MARGIN))

    def _draw_before(self, painter: QPainter) -> None:
        if self._before:
            self._before.draw(painter, self._viewport)
            self._draw_mask(painter)

    def _draw_mask(self, painter: QPainter) -> None:
        if self._mask and self._shows_mask:
            self._mask.draw(painter, self._viewport)

    def _draw_halves(self, painter: QPainter) -> None:
        x, width, height = self._split.x(self.width()), self.width(), self.height()
        self._draw_clipped(painter, QRectF(0, 0, x, height), self._draw_before)
        self._draw_clipped(painter, QRectF(x, 0, width - x, height), self._draw_after)
        draw_divider(painter, x, height)
        draw_label(painter, "Before", QPointF(LABEL_MARGIN, LABEL_MARGIN))
        draw_label(painter, "After", QPointF(width - LABEL_MARGIN, LABEL_MARGIN), to_left=True)

    def _draw_after(self, painter: QPainter) -> None:
        amount = self._document.mix.amount
        if self._before and amount < 1:
            self._before.draw(painter, self._viewport)
        if self._after:
            painter.setOpacity(amount)
            self._after.draw(painter, self._viewport)
            painter.setOpacity(1)

    def _draw_clipped(
        self, painter: QPainter, rect: QRectF, draw: Callable[[QPainter], None]
    ) -> None:
        painter.save()
        painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
        draw(painter)
        painter.restore()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self._fill_widget()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._fill_widget()
        return super().event(event)

    def _fill_widget(self) -> None:
        size = Size(self.width(), self.height())
        self._set_viewport(self._viewport.resized(size, self.devicePixelRatioF()))
