"""Every action and menu of the window as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, auto

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow

from gdp_desktop.ui.theme import icon


class Needs(Flag):
    """What must be the case for an action to make sense."""

    NOTHING = 0
    PHOTO = auto()
    RESULT = auto()
    COMPARISON = auto()
    MASK = auto()
    RUNNING = auto()
    IDLE = auto()
    COMPLETE = auto()
    # No stroke is being painted.
    NO_STROKE = auto()


@dataclass(frozen=True)
class ActionRow:
    """``slot`` says whose method it calls; the first shortcut is the one shown."""

    id: str
    slot: str
    text: str
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    tip: str = ""
    needs: Needs = Needs.NOTHING
    checkable: bool = False
    group: str = ""
    # Whether it is done again and again while its key is held.
    repeats: bool = False


ACTIONS = (
    ActionRow("open_photo", "files.open_photo", "&Open photo…", ("Ctrl+O",), "open",
              "Open a photo"),
    ActionRow("add_photos", "files.add_photos", "&Add photos to queue…", ("Ctrl+Shift+O",), "queue",
              "Choose photos to restore one after the other"),
    ActionRow("add_folder", "files.add_folder", "Add &folder to queue…", (), "queue",
              "Choose a folder of photos to restore one after the other"),
    ActionRow("save_result", "workbench.save", "&Save result", ("Ctrl+S",), "save",
              "Save the result beside the photo; the photo itself is never changed",
              Needs.RESULT | Needs.IDLE),
    ActionRow("export_result", "files.export_result", "&Export result as…", ("Ctrl+Shift+E",), "",
              "Save the result under a name of your choice", Needs.RESULT | Needs.IDLE),
    ActionRow("quit", "window.quit", "&Quit", ("Ctrl+Q",), "", "Close the program"),
    ActionRow("clear_mask", "workbench.clear_mask", "&Clear mask", ("Ctrl+D",), "clear",
              "Unpaint everything", Needs.MASK | Needs.NO_STROKE),
    ActionRow("invert_mask", "workbench.invert_mask", "&Invert mask", ("Ctrl+I",), "invert",
              "Swap what is painted and what is not", Needs.PHOTO | Needs.NO_STROKE),
    ActionRow("load_mask", "files.load_mask", "&Load mask…", (), "load",
              "Take a picture as the mask: white is restored, black is kept",
              Needs.PHOTO | Needs.NO_STROKE),
    ActionRow("save_mask", "files.save_mask", "Sa&ve mask…", (), "save",
              "Save the mask as a PNG picture", Needs.MASK),
    ActionRow("use_hand", "canvas.use_hand", "&Hand", ("H",), "hand",
              "Move the photo; hold Space to do so with any tool", Needs.PHOTO, True, "tool"),
    ActionRow("use_brush", "canvas.use_brush", "&Brush", ("B",), "brush",
              "Paint over what to restore; the right button erases, Shift+click draws a line",
              Needs.PHOTO, True, "tool"),
    ActionRow("use_eraser", "canvas.use_eraser", "&Eraser", ("E",), "eraser",
              "Take painted parts away again", Needs.PHOTO, True, "tool"),
    ActionRow("grow_brush", "brush.grow", "Larger brush", ("]",), "", "", Needs.PHOTO,
              repeats=True),
    ActionRow("shrink_brush", "brush.shrink", "Smaller brush", ("[",), "", "", Needs.PHOTO,
              repeats=True),
    ActionRow("harden_brush", "brush.harden", "Harder brush", ("Shift+]", "}"), "", "",
              Needs.PHOTO, repeats=True),
    ActionRow("soften_brush", "brush.soften", "Softer brush", ("Shift+[", "{"), "", "",
              Needs.PHOTO, repeats=True),
    ActionRow("fit_photo", "canvas.fit", "&Whole photo", ("Ctrl+0",), "fit", "Show the whole photo",
              Needs.PHOTO),
    ActionRow("actual_size", "canvas.show_actual_size", "&100 %", ("Ctrl+1", "Ctrl+Alt+0"),
              "actual-size", "Show one photo pixel as one screen pixel", Needs.PHOTO),
    ActionRow("toggle_zoom", "canvas.zoom_at_cursor", "Whole photo or 100 %", ("Z",), "", "",
              Needs.PHOTO),
    ActionRow("zoom_in", "canvas.zoom_in", "Zoom &in", ("Ctrl++", "Ctrl+="), "", "", Needs.PHOTO,
              repeats=True),
    ActionRow("zoom_out", "canvas.zoom_out", "Zoom &out", ("Ctrl+-",), "", "", Needs.PHOTO,
              repeats=True),
    ActionRow("show_mask", "canvas.show_mask", "Show &mask", ("O",), "mask",
              "Show or hide what is painted", Needs.PHOTO, True),
    ActionRow("show_original", "canvas.show_before", "Show o&riginal", ("\\",), "original",
              "Show the photo as it was; hold the key for a quick look", Needs.COMPARISON, True),
    ActionRow("show_split", "canvas.show_split", "&Before | after", ("Y",), "split",
              "Show both, with a divider to drag", Needs.COMPARISON, True),
    ActionRow("run", "workbench.run", "&Restore photo", ("Shift+R",), "run",
              "Restore the open photo", Needs.PHOTO | Needs.IDLE | Needs.COMPLETE),
    ActionRow("cancel", "workbench.cancel", "&Cancel", ("Esc",), "cancel", "Stop restoring",
              Needs.RUNNING),
    ActionRow("show_priors", "window.show_priors", "&Priors…", (), "",
              "The priors at hand, their terms of use, and taking in another one"),
    ActionRow("show_shortcuts", "window.show_shortcuts", "&Keyboard shortcuts", ("F1", "Ctrl+/"),
              "", "List every shortcut"),
    ActionRow("show_about", "window.show_about", "&About", (), "", "What this program is"),
)

# Their actions are made by the undo stack.
UNDO, REDO = ("Ctrl+Z",), ("Ctrl+Shift+Z", "Ctrl+Y")

# None is a separator; "undo", "redo" and "panels" are put in by the window.
MENUS: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("&File", ("open_photo", "add_photos", "add_folder", None, "save_result", "export_result",
               None, "quit")),
    ("&Edit", ("undo", "redo")),
    ("&Mask", ("use_brush", "use_eraser", "use_hand", None, "grow_brush", "shrink_brush",
               "harden_brush", "soften_brush", None, "clear_mask", "invert_mask", None,
               "load_mask", "save_mask")),
    ("&View", ("fit_photo", "actual_size", "toggle_zoom", "zoom_in", "zoom_out", None,
               "show_original", "show_split", "show_mask", None, "panels")),
    ("&Restore", ("run", "cancel", None, "show_priors")),
    ("&Help", ("show_shortcuts", "show_about")),
)

TOOL_BAR = (
    "open_photo", "save_result", None, "undo", "redo", None, "use_hand", "use_brush",
    "use_eraser", None, "fit_photo", "actual_size", None, "show_mask", "show_original",
    "show_split",
)

# Worth knowing, but no actions.
GESTURES = (
    ("Space + drag, or middle button", "Move the photo"),
    ("Mouse wheel", "Zoom where the pointer is"),
    ("Delete, in a list of photos", "Remove"),
    ("Right button or Alt, while painting", "Erase"),
    ("Shift + click, while painting", "Straight line from the last stroke"),
    ("Double-click a slider's name", "Back to its default"),
)


def build(window: QMainWindow, receivers: Mapping[str, QObject]) -> dict[str, QAction]:
    """The actions of the table by id, each connected to its slot."""
    groups: dict[str, QActionGroup] = {}
    actions = {row.id: _built(row, window, receivers) for row in ACTIONS}
    for row in ACTIONS:
        if row.group:
            group = groups.setdefault(row.group, QActionGroup(window))
            group.addAction(actions[row.id])
    return actions


def _built(row: ActionRow, window: QMainWindow, receivers: Mapping[str, QObject]) -> QAction:
    action = QAction(row.text, window, checkable=row.checkable)
    action.setObjectName(row.id)
    action.setShortcuts([QKeySequence(keys) for keys in row.shortcuts])
    action.setAutoRepeat(row.repeats)
    if row.icon:
        action.setIcon(icon(row.icon))
    action.setToolTip(tool_tip(row.tip or plain(row.text), action))
    receiver, slot = row.slot.split(".")
    action.triggered.connect(getattr(receivers[receiver], slot))
    window.addAction(action)
    return action


def enable(actions: Mapping[str, QAction], state: Needs) -> None:
    """Only what makes sense now can be chosen."""
    for row in ACTIONS:
        actions[row.id].setEnabled(row.needs in state)


def fill_menus(window: QMainWindow, actions: Mapping[str, QAction]) -> None:
    for title, ids in MENUS:
        menu = window.menuBar().addMenu(title)
        for action_id in ids:
            if action_id is None:
                menu.addSeparator()
            elif action_id in actions:
                menu.addAction(actions[action_id])


def tool_tip(text: str, action: QAction) -> str:
    keys = native(action.shortcut())
    return f"{text} ({keys})" if keys else text


def keys_of(action_id: str) -> str:
    """The shortcut that is shown for an action, as this system writes it."""
    row = next(row for row in ACTIONS if row.id == action_id)
    return native(row.shortcuts[0])


def native(keys: QKeySequence | str) -> str:
    """A shortcut as this system writes it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def plain(text: str) -> str:
    """An action's name without the menu's own signs."""
    return text.replace("&", "").rstrip("…")
