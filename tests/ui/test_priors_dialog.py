"""The list of priors, and taking in another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QTreeWidget
from pytestqt.qtbot import QtBot

from gdp_desktop.ui.main_window import MainWindow
from gdp_desktop.ui.priors_dialog import PriorsDialog


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
