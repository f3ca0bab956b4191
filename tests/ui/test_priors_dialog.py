"""The list of priors, and taking in another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QMessageBox,
    QProgressBar,
    QTreeWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.panels.task_panel import TaskPanel
from gdp_desktop.ui.priors_dialog import PriorsDialog

if TYPE_CHECKING:
    from conftest import FakeShelf


@pytest.fixture
def dialog(window: MainWindow) -> PriorsDialog:
    window.actions_by_id["show_priors"].trigger()
    return window.findChild(PriorsDialog)


def rows(dialog: PriorsDialog) -> list[list[str]]:
    tree = dialog.findChild(QTreeWidget)
    return [[tree.topLevelItem(row).text(column) for column in range(tree.columnCount())]
            for row in range(tree.topLevelItemCount())]


def said(dialog: PriorsDialog) -> str:
    return " ".join(label.text() for label in dialog.findChildren(QLabel))


def choosable(window: MainWindow) -> list[str]:
    box = next(b for b in window.findChildren(QComboBox) if b.accessibleName() == "Prior")
    return [box.itemText(index) for index in range(box.count())]


def test_it_lists_what_there_is(dialog: PriorsDialog) -> None:
    assert rows(dialog)[0] == ["photo-small", "8.4 million", "33 MB", "not stated"]
    assert "This is the default." in said(dialog)


def test_it_says_why_one_cannot_be_used(
    qtbot: QtBot, window: MainWindow, dialog: PriorsDialog, shelf: FakeShelf
) -> None:
    sentence = "photo-small.safetensors is cut off; put another copy there."
    shelf.priors, shelf.problems = shelf.priors[1:], [sentence]
    with qtbot.waitSignal(window._repertoire.shelf.changed, timeout=5000):
        window._repertoire.shelf._asked_to_look.emit()
    assert sentence in said(dialog) and choosable(window) == ["other"]
    assert window.panel(TaskPanel).recipe().prior == "other"


def test_a_prior_that_is_taken_in_can_be_chosen(
    qtbot: QtBot, window: MainWindow, dialog: PriorsDialog, tmp_path: Path
) -> None:
    (tmp_path / "new.pt").write_bytes(b"weights")
    with qtbot.waitSignal(window._repertoire.shelf.imported, timeout=5000):
        dialog._take_in([tmp_path / "new.pt"])
        assert not any(b.isEnabled() for b in dialog.findChildren(QAbstractButton)
                       if b.text().startswith("Import"))
    assert rows(dialog)[-1] == ["new", "8.4 million", "33 MB", "MIT"]
    assert "new can be chosen" in said(dialog) and "Do as you like." in said(dialog)
    assert choosable(window) == ["photo-small", "other", "new"]


def test_what_is_no_prior_gets_a_sentence(
    qtbot: QtBot, window: MainWindow, dialog: PriorsDialog, tmp_path: Path
) -> None:
    (tmp_path / "empty.pt").touch()
    with qtbot.waitSignal(window._repertoire.shelf.failed, timeout=5000):
        dialog._take_in([tmp_path / "empty.pt"])
    assert "empty.pt holds nothing; choose a file of weights." in said(dialog)
    assert len(rows(dialog)) == 2


def button(parent: QWidget, text: str) -> QAbstractButton:
    return next(b for b in parent.findChildren(QAbstractButton) if b.text() == text)


def asked(dialog: PriorsDialog) -> QMessageBox:
    """The terms of the prior that is offered first."""
    button(dialog, "Download").menu().actions()[0].trigger()
    return dialog.findChild(QMessageBox)


def test_a_download_begins_with_its_terms(
    qtbot: QtBot, window: MainWindow, dialog: PriorsDialog
) -> None:
    box = asked(dialog)
    assert box.text() == "A published prior."
    assert "For research alone." in box.informativeText()
    assert "4 MB from example.org" in box.informativeText()
    with qtbot.waitSignal(window._repertoire.shelf.imported, timeout=5000):
        button(box, "Agree and download").click()
    assert rows(dialog)[-1][::3] == ["published", "research only"]
    assert choosable(window)[-1] == "published"
    # There is nothing more to fetch.
    assert not button(dialog, "Download").isEnabled()


def test_without_agreement_nothing_is_fetched(
    window: MainWindow, dialog: PriorsDialog, shelf: FakeShelf
) -> None:
    box = asked(dialog)
    box.button(QMessageBox.StandardButton.Cancel).click()
    assert not window._repertoire.shelf.is_busy and len(rows(dialog)) == 2
    assert [known.name for known in window._repertoire.shelf.offers] == [shelf.published.name]


def test_a_download_can_be_stopped_and_begun_again(
    qtbot: QtBot, window: MainWindow, dialog: PriorsDialog, shelf: FakeShelf
) -> None:
    shelf.slow.set()
    stop, bar = button(dialog, "Stop"), dialog.findChild(QProgressBar)
    assert stop.isHidden() and bar.isHidden()
    with qtbot.waitSignal(window._repertoire.shelf.progressed, timeout=5000):
        button(asked(dialog), "Agree and download").click()
    assert "1 MB of 4 MB" in said(dialog) and bar.value() == bar.maximum() // 4
    assert not button(dialog, "Download").isEnabled()
    with qtbot.waitSignal(window._repertoire.shelf.stopped, timeout=5000):
        stop.click()
    assert "Stopped." in said(dialog) and stop.isHidden() and bar.isHidden()
    assert button(dialog, "Download").isEnabled() and len(rows(dialog)) == 2
    shelf.slow.clear()
    with qtbot.waitSignal(window._repertoire.shelf.imported, timeout=5000):
        window._repertoire.shelf.download(shelf.published)
    assert rows(dialog)[-1][0] == "published"


def test_the_list_opened_again_knows_what_is_still_coming(
    qtbot: QtBot, window: MainWindow, dialog: PriorsDialog, shelf: FakeShelf
) -> None:
    shelf.slow.set()
    window._repertoire.shelf.download(shelf.published)
    with qtbot.waitSignal(dialog.destroyed, timeout=5000):
        dialog.reject()
    window.actions_by_id["show_priors"].trigger()
    again = window.findChild(PriorsDialog)
    assert not button(again, "Stop").isHidden()
    assert not button(again, "Import file…").isEnabled()
    with qtbot.waitSignal(window._repertoire.shelf.stopped, timeout=5000):
        button(again, "Stop").click()
    assert button(again, "Import file…").isEnabled()
