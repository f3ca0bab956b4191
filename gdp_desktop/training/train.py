"""Training of the embedded prior: a generator of reports that can be stopped and resumed."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from gdp_desktop.diffusion.checkpoints import (
    CheckpointError,
    config_from_metadata,
    load_unet,
    read_metadata,
    serialise_unet,
)
from gdp_desktop.diffusion.precision import bfloat16_pays, in_channels_last
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.files import atomic_write
from gdp_desktop.training.crops import CropSource, load_pixels, split_photos
from gdp_desktop.training.growth import grown
from gdp_desktop.training.lineage import Lineage, write_curve
from gdp_desktop.training.muon import Muon
from gdp_desktop.training.validation import (
    BAND_EDGES,
    band_of,
    denoising_psnr,
    x0_error_table,
)

LEARNING_RATE = 1e-3
# From trained weights: the full rate would first undo what they know.
FINE_TUNING_RATE = 5e-4
EMA_DECAY = 0.999
WARMUP_STEPS = 300
CALIBRATION_PHOTOS = 24
# Of the loss inside the logarithm: below it a crop is as good as it needs to be.
LOSS_FLOOR = 1e-3
# Of log σ: with more of the noise that a last step removes, of σ from 5 to 25 of 255, than of the
# noise halfway down.  The shipped prior gained at every σ by it.
DETAIL_CENTRE, DETAIL_SPREAD = -1.7, 1.4
SLOTS = ("momentum", "exp_avg", "exp_avg_sq")


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


@dataclass(frozen=True)
class TrainingReport:
    """Where a run stands; ``val_psnr`` maps σ (8-bit units) to dB when it was just measured.

    ``band_loss`` is the v-prediction loss per band of noise levels; ``trouble`` is a sentence when
    the last checkpoint could not be written: the one before it stays, and another try follows.
    """

    step: int
    crops: int
    seconds: float
    seconds_left: float
    loss: float
    band_loss: dict[str, float]
    learning_rate: float
    val_psnr: dict[int, float] | None = None
    skipped: tuple[str, ...] = ()
    trouble: str | None = None


def train(plan: TrainingPlan) -> Iterator[TrainingReport]:
    """Trains until the planned minutes are used up, yielding about every ten seconds.

    Writes the averaged weights to ``plan.out`` and what is needed to go on to
    ``resume_path(plan.out)``, both whole or not at all; a run with the same ``out`` resumes there
    (``start_from`` and ``network`` count for a new one only).

    Raises PhotoError (folder) and CheckpointError (a file to resume or start from).
    """
    split = split_photos(plan.photos)
    torch.manual_seed(plan.seed)
    state = _TrainingState.resume_or_start(plan)
    # A resumed run must not see again what the first one began with.
    seed = plan.seed + state.step
    torch.manual_seed(seed)
    skipped: list[str] = []
    source = CropSource(_readable(split.train, skipped), 2 * plan.crop, seed)
    val = _large_enough(_readable(split.val, skipped), plan)
    calibration = _large_enough(_readable(split.train[:CALIBRATION_PHOTOS], []), plan)
    try:
        for report in _reports(plan, state, source, val, calibration):
            yield replace(report, skipped=tuple(skipped))
    except (GeneratorExit, KeyboardInterrupt):
        if state.step > 0:
            state.save(plan.out, calibration)
        raise


def _reports(
    plan: TrainingPlan,
    state: _TrainingState,
    source: CropSource,
    val: list[np.ndarray],
    calibration: list[np.ndarray],
) -> Iterator[TrainingReport]:
    started, earlier_seconds = time.monotonic(), state.seconds
    next_report, next_validation, next_checkpoint = 0.0, 0.0, plan.checkpoint_seconds
    recent = _RunningLoss()
    finished, trouble = False, None
    while not finished:
        elapsed = time.monotonic() - started
        state.seconds = earlier_seconds + elapsed
        progress = min(state.seconds / max(60 * plan.minutes, 1e-6), 1.0)
        finished = progress >= 1.0 and state.step > 0
        if not finished:
            recent.add(*state.learn(_batch(plan, state.step, source), progress))
        if elapsed >= next_report or finished:
            psnr = None
            if val and (elapsed >= next_validation or finished):
                psnr = denoising_psnr(state.ema, val, plan.device)
                next_validation = elapsed + plan.validation_seconds
                state.val_psnr = psnr
            report = TrainingReport(
                state.step, state.crops, state.seconds,
                max(0.0, 60 * plan.minutes - state.seconds),
                recent.mean(), recent.by_band(), state.current_lr, psnr, trouble=trouble,
            )
            state.history.append(_history_row(report))
            yield report
            recent, next_report = _RunningLoss(), elapsed + plan.report_seconds
        if elapsed >= next_checkpoint or finished:
            trouble = None
            try:
                state.save(plan.out, calibration)
            except PhotoError as error:
                # Hours of learning are worth more than one checkpoint; room may be made meanwhile.
                if finished:
                    raise
                trouble = str(error)
            next_checkpoint = elapsed + plan.checkpoint_seconds


def _batch(plan: TrainingPlan, step: int, source: CropSource) -> torch.Tensor:
    """One batch in four has crops of twice the size and the same number of pixels, so that
    the network also learns to use the wide surroundings it has at full resolution."""
    if step % 4 == 3:
        return source.sample(max(1, plan.batch // 4), 2 * plan.crop)
    return source.sample(plan.batch, plan.crop)


def resume_path(out: Path) -> Path:
    return out.with_name(out.stem + ".training.part")


def sample_log_sigma(count: int) -> torch.Tensor:
    """log σ for training, (N,): mostly where the detail of a photo is decided, and one in six
    anywhere between the schedule's ends, where the light and colour of a photo are."""
    lowest, highest = Schedule.linear().sigmas.log()[[0, -1]].tolist()
    detail = torch.randn(count) * DETAIL_SPREAD + DETAIL_CENTRE
    anywhere = lowest + (highest - lowest) * torch.rand(count)
    chosen = torch.where(torch.rand(count) < 1 / 6, anywhere, detail)
    return chosen.clamp(lowest, highest)


class _TrainingState:
    """Network, its average, optimiser and counters; knows how to be saved."""

    def __init__(self, plan: TrainingPlan, network: UNet) -> None:
        self.plan = plan
        self.network = in_channels_last(network).to(plan.device).train()
        # Shares the network's parameters.
        self.velocity = self._compiled() if plan.compiled else self.network
        self.ema = copy.deepcopy(self.network).eval().requires_grad_(False)
        weights, others = _weights_and_others(self.network)
        self.optimisers: tuple[torch.optim.Optimizer, ...] = (
            Muon(weights, lr=plan.learning_rate),
            torch.optim.AdamW(others, lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=0.0),
        )
        self.step, self.crops, self.seconds, self.current_lr = 0, 0, 0.0, 0.0
        self.history: list[dict[str, float]] = []
        self.lineage = Lineage()
        self.val_psnr: dict[int, float] | None = None

    def _compiled(self) -> Callable[..., torch.Tensor]:
        """The network for crops of each size; raises CheckpointError where nothing compiles it."""
        # What is compiled for any size at once fails on a CPU.
        velocity = torch.compile(self.network, dynamic=False)
        crops = torch.zeros(self.plan.batch, 3, self.plan.crop, self.plan.crop)
        try:
            self._predicted(velocity, crops, torch.zeros(len(crops))).sum().backward()
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(
                f"The network cannot be compiled here ({reason}); train it without --compile."
            ) from error
        self.network.zero_grad()
        return velocity

    def _predicted(
        self, velocity: Callable[..., torch.Tensor], x_t: torch.Tensor, log_sigma: torch.Tensor
    ) -> torch.Tensor:
        """v of a batch (N, 3, h, w) at log σ (N,), on the plan's device and in its precision."""
        device = self.plan.device
        x_t = x_t.to(device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16_pays(device)):
            return velocity(x_t, log_sigma.to(device)).float()

    @classmethod
    def resume_or_start(cls, plan: TrainingPlan) -> _TrainingState:
        saved = resume_path(plan.out)
        if saved.is_file():
            return cls._resume(plan, saved)
        if plan.start_from is not None:
            known = load_unet(plan.start_from)
            state = cls(plan, grown(known, plan.network) if plan.network else known)
            state.lineage = Lineage.of(plan.start_from)
            return state
        return cls(plan, UNet(plan.network))

    @classmethod
    def _resume(cls, plan: TrainingPlan, saved: Path) -> _TrainingState:
        metadata = read_metadata(saved)
        try:
            counters = json.loads(metadata["training"])
            state = cls(plan, UNet(config_from_metadata(metadata)))
            tensors = load_file(saved, device=plan.device)
            state.network.load_state_dict(_with_prefix(tensors, "network."))
            state.ema.load_state_dict(_with_prefix(tensors, "ema."))
            state._restore_slots(tensors, float(counters["step"]))
            state.step, state.crops = int(counters["step"]), int(counters["crops"])
            state.seconds, state.history = float(counters["seconds"]), list(counters["history"])
            state.lineage = Lineage(**counters.get("lineage", {}))
        except (KeyError, TypeError, RuntimeError, ValueError, SafetensorError) as error:
            raise CheckpointError(
                f"{saved} is not a training state; move it away to start anew."
            ) from error
        return state

    def learn(self, crops: torch.Tensor, progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimiser step; returns (per-crop loss, log σ), both (N,)."""
        warmup = min(1.0, (self.step + 1) / WARMUP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        self.current_lr = self.plan.learning_rate * warmup * (0.005 + 0.995 * cosine)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.current_lr

        device = self.plan.device
        x0 = crops.to(device).float().div(127.5).sub(1).contiguous(
            memory_format=torch.channels_last
        )
        log_sigma = sample_log_sigma(len(x0)).to(device)
        alpha = (1 + (2 * log_sigma).exp()).rsqrt()[:, None, None, None]  # sqrt(ᾱ)
        spread = (1 - alpha.square()).sqrt()
        eps = torch.randn_like(x0)
        x_t, v = alpha * x0 + spread * eps, alpha * eps - spread * x0
        predicted = self._predicted(self.velocity, x_t, log_sigma)
        losses = F.mse_loss(predicted, v, reduction="none").mean(dim=(1, 2, 3))
        # The logarithm counts a smooth sky as much as foliage and faint noise as much as strong:
        # it is the mean PSNR, where the plain mean would be about the hardest crops alone.
        (losses + LOSS_FLOOR).log().mean().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        # An average over 64x64 crops counts a wide crop once for each 64x64 it holds.
        self.crops += crops.shape[0] * crops.shape[2] * crops.shape[3] // self.plan.crop**2

        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for averaged, parameter in zip(
                self.ema.parameters(), self.network.parameters(), strict=True
            ):
                averaged.lerp_(parameter, 1 - decay)
        return losses.detach(), log_sigma

    def save(self, out: Path, calibration: list[np.ndarray]) -> None:
        counters = {
            "step": self.step, "crops": self.crops, "seconds": round(self.seconds, 1),
            "history": self.history, "lineage": asdict(self.lineage),
        }
        plan = self.plan
        summary = self.lineage.summary({
            "step": self.step, "crops": self.crops, "seconds": round(self.seconds, 1),
            "batch": plan.batch, "crop": plan.crop, "learning_rate": plan.learning_rate,
            "numbers": "bfloat16 and float32" if bfloat16_pays(plan.device) else "float32",
        })
        if self.val_psnr is not None:
            summary["validation"] = {
                f"dB at noise {sigma}": round(db, 2) for sigma, db in self.val_psnr.items()
            }
        summary["x0_error"] = x0_error_table(self.ema, calibration, self.plan.device)
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out, serialise_unet(self.ema, summary), overwrite=True)

        tensors = {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        tensors |= {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= self._slots()
        tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
        metadata = {
            "format": "gdp-training",
            "config": json.dumps(asdict(self.network.config)),
            "training": json.dumps(counters),
        }
        atomic_write(resume_path(out), save(tensors, metadata), overwrite=True)
        write_curve(out, self.lineage.with_reports(self.history))

    def _slots(self) -> dict[str, torch.Tensor]:
        """What the optimisers remember of each parameter, as KEY.NAME."""
        return {
            f"{key}.{name}": optimiser.state[parameter][key]
            for name, parameter in self.network.named_parameters()
            for optimiser in self.optimisers
            for key in SLOTS
            if key in optimiser.state.get(parameter, {})
        }

    def _restore_slots(self, tensors: dict[str, torch.Tensor], step: float) -> None:
        weights, _ = _weights_and_others(self.network)
        by_muon = {id(weight) for weight in weights}
        muon, adam = self.optimisers
        for name, parameter in self.network.named_parameters():
            if id(parameter) in by_muon:
                muon.state[parameter] = {"momentum": tensors[f"momentum.{name}"]}
            else:
                adam.state[parameter] = {
                    "step": torch.tensor(step),
                    "exp_avg": tensors[f"exp_avg.{name}"],
                    "exp_avg_sq": tensors[f"exp_avg_sq.{name}"],
                }


def _weights_and_others(network: UNet) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The convolutions inside the network, and what is no matrix between features: first and last
    layer, biases, the noise level's embedding."""
    weights: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        inside = parameter.ndim == 4 and not name.startswith(("conv_in.", "conv_out."))
        (weights if inside else others).append(parameter)
    return weights, others


class _RunningLoss:
    """v-prediction loss since the last report, whole and per band of noise level."""

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._bands: list[torch.Tensor] = []

    def add(self, losses: torch.Tensor, log_sigma: torch.Tensor) -> None:
        self._losses.append(losses.cpu())
        self._bands.append(band_of(log_sigma.cpu()))

    def mean(self) -> float:
        return float(torch.cat(self._losses).mean()) if self._losses else math.nan

    def by_band(self) -> dict[str, float]:
        if not self._losses:
            return {}
        losses, bands = torch.cat(self._losses), torch.cat(self._bands)
        return {
            name: float(losses[bands == k].mean())
            for k, (name, _) in enumerate(BAND_EDGES)
            if bool((bands == k).any())
        }


def _readable(paths: tuple[Path, ...], skipped: list[str]) -> Iterator[np.ndarray]:
    for _, pixels in load_pixels(paths):
        if isinstance(pixels, PhotoError):
            skipped.append(str(pixels))
        else:
            yield pixels


def _large_enough(photos: Iterator[np.ndarray], plan: TrainingPlan) -> list[np.ndarray]:
    return [pixels for pixels in photos if min(pixels.shape[:2]) >= plan.crop]


def _with_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _history_row(report: TrainingReport) -> dict[str, float]:
    row = {"step": report.step, "seconds": round(report.seconds), "loss": round(report.loss, 5)}
    for sigma, psnr in (report.val_psnr or {}).items():
        row[f"psnr_{sigma}"] = round(psnr, 3)
    return row

