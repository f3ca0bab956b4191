"""How a row of the queue looks: name, what has become of it, and a bar while it runs."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from gdp_desktop.tasks.task import Task
from gdp_desktop.ui import theme
from gdp_desktop.ui.wording import percent, time_left
from gdp_desktop.worker.queue import ROW, JobState, Row

PADDING = 10
BAR_HEIGHT = 4
DOT = 8

_DOTS = {
    JobState.WAITING: theme.FAINT,
    JobState.RUNNING: theme.ACCENT.lighter(125),
    JobState.DONE: theme.DONE,
    JobState.FAILED: theme.FAILED,
    JobState.CANCELLED: theme.DISABLED,
}


class QueueDelegate(QStyledItemDelegate):
    def __init__(self, tasks: Mapping[str, Task], parent: QObject) -> None:
        super().__init__(parent)
        self._tasks = tasks

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(200, 2 * option.fontMetrics.height() + 18)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        row: Row = index.data(ROW)
        painter.save()
        self._paint_ground(painter, option)
        text = option.rect.adjusted(2 * PADDING + DOT, 0, -PADDING, 0)
        self._paint_dot(painter, option.rect, _DOTS[row.state])
        self._paint_texts(painter, option, text, row)
        if row.state is JobState.RUNNING:
            self._paint_bar(painter, text, row.fraction)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, theme.BUTTON)
        painter.setPen(theme.WINDOW)
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())

    def _paint_dot(self, painter: QPainter, rect: QRect, colour: QColor) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(rect.left() + PADDING, rect.center().y() - DOT // 2, DOT, DOT)

    def _paint_texts(
        self, painter: QPainter, option: QStyleOptionViewItem, area: QRect, row: Row
    ) -> None:
        height = option.fontMetrics.height()
        name = QRect(area.left(), area.top() + 5, area.width(), height)
        state = QRect(area.left(), name.bottom() + 3, area.width(), height)
        _line(painter, option, name, row.job.source.name, theme.TEXT)
        colour = theme.FAILED if row.state is JobState.FAILED else theme.FAINT
        _line(painter, option, state, self.state_text(row), colour)

    def _paint_bar(self, painter: QPainter, area: QRect, fraction: float) -> None:
        bar = QRect(area.left(), area.bottom() - BAR_HEIGHT - 1, area.width(), BAR_HEIGHT)
        painter.setPen(Qt.PenStyle.NoPen)
        for width, colour in ((bar.width(), theme.WINDOW), (bar.width() * fraction, theme.ACCENT)):
            painter.setBrush(colour)
            painter.drawRoundedRect(QRect(bar.topLeft(), QSize(round(width), BAR_HEIGHT)), 2, 2)

    def state_text(self, row: Row) -> str:
        title = self._tasks[row.job.recipe.task].title
        match row.state:
            case JobState.RUNNING:
                parts = [title, percent(row.fraction), time_left(row.seconds_left)]
                return " · ".join(part for part in parts if part)
            case JobState.DONE if row.saved_to:
                return " · ".join((title, f"saved as {row.saved_to.name}", *row.notes))
            case JobState.FAILED:
                return row.error
        return f"{title} · {row.state.value}"


def _line(
    painter: QPainter, option: QStyleOptionViewItem, area: QRect, text: str, colour: QColor
) -> None:
    painter.setPen(colour)
    middle = Qt.TextElideMode.ElideMiddle
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
                     option.fontMetrics.elidedText(text, middle, area.width()))
