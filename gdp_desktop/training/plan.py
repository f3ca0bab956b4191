"""What decides a training, and where it is kept meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gdp_desktop.diffusion.unet import UNetConfig

LEARNING_RATE = 1e-3
# From trained weights: the full rate would first undo what they know.
FINE_TUNING_RATE = 5e-4


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides a training run."""

    photos: Path
    out: Path
    minutes: float
    # None: that of ``start_from``, or UNetConfig's own.
    network: UNetConfig | None = None
    start_from: Path | None = None
    learning_rate: float = LEARNING_RATE
    batch: int = 16
    crop: int = 64
    # Measuring the error of x0 for one takes eight seconds on two cores.
    checkpoint_seconds: float = 300.0
    validation_seconds: float = 600.0
    report_seconds: float = 10.0
    device: str = "cpu"
    # A step is some percent quicker then; costs a minute at the start and needs a C++ compiler.
    compiled: bool = False
    seed: int = 0
    # Instead of going on with what was stopped, which stays until the first checkpoint.
    anew: bool = False


def resume_path(out: Path) -> Path:
    return out.with_name(out.stem + ".training.part")
