"""A network in training: what it learns from a batch, and how it is saved and taken up again."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
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
from gdp_desktop.image.writing import atomic_write
from gdp_desktop.training.growth import grown
from gdp_desktop.training.lineage import Lineage, write_curve
from gdp_desktop.training.muon import Muon
from gdp_desktop.training.plan import TrainingPlan, resume_path
from gdp_desktop.training.validation import x0_error_table

EMA_DECAY = 0.999
WARMUP_STEPS = 300
# Of the loss inside the logarithm: below it a crop is as good as it needs to be.
LOSS_FLOOR = 1e-3
# Of log σ: with more of the noise that a last step removes, of σ from 5 to 25 of 255, than of the
# noise halfway down.  The shipped prior gained at every σ by it.
DETAIL_CENTRE, DETAIL_SPREAD = -1.7, 1.4
SLOTS = ("momentum", "exp_avg", "exp_avg_sq")


def sample_log_sigma(count: int) -> torch.Tensor:
    """log σ for training, (N,): mostly where the detail of a photo is decided, and one in six
    anywhere between the schedule's ends, where the light and colour of a photo are."""
    lowest, highest = Schedule.linear().sigmas.log()[[0, -1]].tolist()
    detail = torch.randn(count) * DETAIL_SPREAD + DETAIL_CENTRE
    anywhere = lowest + (highest - lowest) * torch.rand(count)
    chosen = torch.where(torch.rand(count) < 1 / 6, anywhere, detail)
    return chosen.clamp(lowest, highest)


class TrainingState:
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
    def resume_or_start(cls, plan: TrainingPlan) -> TrainingState:
        saved = resume_path(plan.out)
        if saved.is_file() and not plan.anew:
            return cls._resume(plan, saved)
        if plan.start_from is not None:
            known = load_unet(plan.start_from)
            state = cls(plan, grown(known, plan.network) if plan.network else known)
            state.lineage = Lineage.of(plan.start_from)
            return state
        return cls(plan, UNet(plan.network))

    @classmethod
    def _resume(cls, plan: TrainingPlan, saved: Path) -> TrainingState:
        metadata = read_metadata(saved)
        try:
            counters = json.loads(metadata["training"])
            lineage = Lineage(**counters.get("lineage", {}))
            config = config_from_metadata(metadata)
            _refuse_other_beginning(plan, saved, lineage, config)
            rate = float(counters.get("learning_rate", plan.learning_rate))
            state = cls(replace(plan, learning_rate=rate), UNet(config))
            tensors = load_file(saved, device=plan.device)
            state.network.load_state_dict(_with_prefix(tensors, "network."))
            state.ema.load_state_dict(_with_prefix(tensors, "ema."))
            state._restore_slots(tensors, float(counters["step"]))
            state.step, state.crops = int(counters["step"]), int(counters["crops"])
            state.seconds, state.history = float(counters["seconds"]), list(counters["history"])
            state.lineage = lineage
        except (
            AttributeError, KeyError, TypeError, RuntimeError, ValueError, SafetensorError,
        ) as error:
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
            "learning_rate": self.plan.learning_rate,
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


def _refuse_other_beginning(
    plan: TrainingPlan, saved: Path, lineage: Lineage, config: UNetConfig
) -> None:
    """Raises CheckpointError where the plan asks for what only a new training can begin with."""
    other_network = plan.network not in (None, config)
    start = plan.start_from
    other_weights = start is not None and Lineage.of(start).runs != lineage.runs
    if other_network or other_weights:
        option = "--blocks" if other_network else "--from"
        raise CheckpointError(
            f"{saved} began with others; go on without {option}, or begin anew with --overwrite."
        )


def _weights_and_others(network: UNet) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The convolutions inside the network, and what is no matrix between features: first and last
    layer, biases, the noise level's embedding."""
    weights: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        inside = parameter.ndim == 4 and not name.startswith(("conv_in.", "conv_out."))
        (weights if inside else others).append(parameter)
    return weights, others


def _with_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
