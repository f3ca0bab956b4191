"""The kinds of weights that can be priors: what each looks like, and the prior in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gdp_desktop.diffusion.adm import ADM, ADMConfig
from gdp_desktop.diffusion.checkpoints import (
    UNET_FORMAT,
    CheckpointError,
    config_from_metadata,
    training_from_metadata,
)
from gdp_desktop.diffusion.diffusers_unet import (
    DiffusersConfig,
    DiffusersUNet,
    UnknownSetting,
    with_present_names,
)
from gdp_desktop.diffusion.prior import EpsPrior, NetworkPrior, UNetPrior, Variance
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.unet import UNet
from gdp_desktop.image.errors import shown
from gdp_desktop.priors.weights import FOLDER_CONFIG, Weights, open_weights

MOST_NAMED = 3


@dataclass(frozen=True)
class Format:
    """One kind of weights.

    ``detect`` looks at names, shapes and what stands beside them.  ``load`` makes the prior for
    them; it is called on torch's "meta" device, so that a network costs nothing until its numbers
    are read.  It may raise CheckpointError, or KeyError, IndexError, TypeError or ValueError for a
    description that makes no sense.  ``rename`` leads from a stored name to the network's.
    """

    name: str
    detect: Callable[[Weights], bool]
    load: Callable[[Weights], NetworkPrior]
    rename: Callable[[str], str] = str


def is_gdp_unet(weights: Weights) -> bool:
    return weights.metadata.get("format") == UNET_FORMAT


def load_gdp_unet(weights: Weights) -> NetworkPrior:
    training = training_from_metadata(dict(weights.metadata))
    network = UNet(config_from_metadata(dict(weights.metadata)))
    return UNetPrior(network, error_table=tuple(training.get("x0_error", ())))


def is_diffusers(weights: Weights) -> bool:
    return weights.config is not None


def load_diffusers(weights: Weights) -> NetworkPrior:
    fields = weights.config or {}
    try:
        config = DiffusersConfig.from_json(fields)
        schedule, variance = schedule_from_json(weights.scheduler or {}, config.out_channels)
    except UnknownSetting as error:
        raise CheckpointError(
            f"{shown(weights.path)} is another kind of model than an unconditional U-Net for "
            f"photos ({error}); choose a DDPM folder such as ddpm-celebahq-256."
        ) from error
    size = fields.get("sample_size") or 0
    side = int(min(size) if isinstance(size, list) else size)
    network = DiffusersUNet(config)
    return EpsPrior(
        network, window_for(side, network.stride), variance, schedule=schedule
    )


def schedule_from_json(
    fields: Mapping[str, Any], out_channels: int
) -> tuple[Schedule, Variance]:
    """A scheduler_config.json as the forward process and the variance of the reverse one.

    Raises UnknownSetting for what this program does not do, ValueError for nonsense.
    """
    for name, default, known in (
        ("prediction_type", "epsilon", "epsilon"), ("rescale_betas_zero_snr", False, False),
    ):
        if (value := fields.get(name, default)) != known:
            raise UnknownSetting(f"{name} is {value!r}")
    count = int(fields.get("num_train_timesteps", 1000))
    low, high = float(fields.get("beta_start", 1e-4)), float(fields.get("beta_end", 0.02))
    if not 2 <= count <= 100_000:
        raise ValueError("timesteps from 2 to 100000")
    kind = fields.get("beta_schedule", "linear")
    if fields.get("trained_betas") is not None:
        betas = torch.tensor(fields["trained_betas"], dtype=torch.float64, device="cpu")
    elif kind == "linear":
        betas = torch.linspace(low, high, count, dtype=torch.float64, device="cpu")
    elif kind == "scaled_linear":
        betas = torch.linspace(low**0.5, high**0.5, count, dtype=torch.float64, device="cpu")**2
    elif kind == "squaredcos_cap_v2":
        betas = cosine_betas(count)
    else:
        raise UnknownSetting(f"beta_schedule is {kind!r}")
    if betas.ndim != 1 or not bool(((betas > 0) & (betas < 1)).all()):
        raise ValueError("betas between 0 and 1")
    return Schedule(betas, torch.arange(len(betas), device="cpu")), _variance(fields, out_channels)


def cosine_betas(count: int) -> torch.Tensor:
    """Nichol & Dhariwal 2021, eq. 17, with β at most 0.999."""
    t = torch.arange(count + 1, dtype=torch.float64, device="cpu") / count
    alphas_cumprod = torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2
    return (1 - alphas_cumprod[1:] / alphas_cumprod[:-1]).clamp(max=0.999)


def _variance(fields: Mapping[str, Any], out_channels: int) -> Variance:
    kind = fields.get("variance_type", "fixed_small")
    if out_channels == 6:
        kind = "learned_range"
    known: dict[str, Variance] = {
        "fixed_small": "small", "fixed_small_log": "small", "fixed_large": "large",
        "fixed_large_log": "large", "learned_range": "learned",
    }
    if kind not in known or (kind == "learned_range") != (out_channels == 6):
        raise UnknownSetting(f"variance_type is {kind!r}")
    return known[kind]


def is_adm(weights: Weights) -> bool:
    return {"input_blocks.0.0.weight", "time_embed.0.weight"} <= weights.shapes.keys()


def load_adm(weights: Weights) -> NetworkPrior:
    name, shapes = shown(weights.path), weights.shapes
    if "label_emb.weight" in shapes:
        raise CheckpointError(
            f"{name} is a class-conditional model, which must be told what the photo shows; choose "
            "an unconditional one."
        )
    if (channels := shapes["input_blocks.0.0.weight"][1]) != 3:
        raise CheckpointError(
            f"{name} works on {channels} channels instead of the three of a photo, as a latent or "
            "super-resolution model does; choose one for photos."
        )
    config = ADMConfig.from_shapes(shapes)
    if config.out_channels not in (3, 6):
        raise ValueError("noise, or noise and variance")
    # Every published size is eight pixels where the network is coarsest.
    return EpsPrior(
        ADM(config), window_for(8 * config.stride, config.stride),
        "learned" if config.out_channels == 6 else "large",
    )


def window_for(trained: int, stride: int) -> int:
    """The size a network was trained at, if windows of that size leave something to keep."""
    return max(trained // stride * stride, 4 * stride, 32)


# The first that knows the weights reads them; the next format is one more entry.
FORMATS = (
    Format("gdp-unet", is_gdp_unet, load_gdp_unet),
    Format("diffusers", is_diffusers, load_diffusers, with_present_names),
    Format("adm", is_adm, load_adm),
)


def format_of(weights: Weights) -> Format:
    """Raises CheckpointError for weights that no format knows."""
    for known in FORMATS:
        if known.detect(weights):
            return known
    if any(name.startswith(("down_blocks.", "mid_block.")) for name in weights.shapes):
        raise CheckpointError(
            f"{shown(weights.path)} is part of a diffusers folder; choose the whole folder, with "
            f"its {FOLDER_CONFIG}."
        )
    raise CheckpointError(
        f"{shown(weights.path)} holds the weights of another kind of network; choose a prior made "
        f'by "train", an unconditional OpenAI ADM file or a diffusers folder.'
    )


def blank_prior(weights: Weights) -> NetworkPrior:
    """The prior without its numbers, which lie on torch's "meta" device.

    Raises CheckpointError if the weights are of no format, or do not fit the network exactly.
    """
    known = format_of(weights)
    try:
        with torch.device("meta"):
            prior = known.load(weights)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise CheckpointError(
            f"The description of the network in {shown(weights.path)} makes no sense; copy the "
            "file again or choose another."
        ) from error
    _refuse_misfit(
        {name: tuple(t.shape) for name, t in prior.network.state_dict().items()},
        {known.rename(name): shape for name, shape in weights.shapes.items()},
        shown(weights.path),
    )
    return prior


def _refuse_misfit(wanted: Mapping[str, object], given: Mapping[str, object], name: str) -> None:
    reasons = [
        f"{title} {_few(names)}"
        for title, names in (
            ("missing:", wanted.keys() - given.keys()),
            ("unexpected:", given.keys() - wanted.keys()),
            ("of another shape:", {k for k in wanted.keys() & given.keys()
                                   if wanted[k] != given[k]}),
        )
        if names
    ]
    if reasons:
        raise CheckpointError(
            f"The weights in {name} do not fit the network they describe ({'; '.join(reasons)}); "
            "copy the file again or choose another."
        )


def _few(names: Iterable[str]) -> str:
    ordered = sorted(names)
    rest = len(ordered) - MOST_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return ", ".join(name[:60] for name in ordered[:MOST_NAMED]) + more


def read_prior(path: Path) -> NetworkPrior:
    """The prior at ``path`` with its numbers, in float32 on the CPU.

    Raises CheckpointError with one sentence for everything that can be wrong with the file.
    """
    weights = open_weights(path)
    prior, rename = blank_prior(weights), format_of(weights).rename
    # Copied, as the file may be replaced while its prior is in use.
    tensors = {
        rename(name): tensor.to(torch.float32, copy=True) for name, tensor in weights.read().items()
    }
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                f"{shown(path)} holds invalid numbers (in {name}); copy it again or choose another."
            )
    prior.network.load_state_dict(tensors, strict=True, assign=True)
    prior.network.eval()
    return prior
