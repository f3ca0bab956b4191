"""The panels of the window, in the order of their docks; a new one is one line more."""

from gdp_desktop.ui.panels.panel import Panel
from gdp_desktop.ui.panels.queue_panel import QueuePanel
from gdp_desktop.ui.panels.task_panel import TaskPanel

PANELS: tuple[type[Panel], ...] = (TaskPanel, QueuePanel)
