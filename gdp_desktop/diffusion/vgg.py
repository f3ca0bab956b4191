"""VGG-16's convolutions, for the perceptual distance that others report; no weights come along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.ranges import unit

# Widths of the convolutions of each block; a maximum over 2×2 pixels lies between blocks.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
# Of the photos it was trained on, RGB in [0, 1].
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREFIX = "features."


class VGG16(nn.Module):
    """Simonyan & Zisserman 2015, configuration D, without its classifier.

    ``(x) -> features``: x is (N, 3, H, W) in [-1, 1], at least 16 pixels high and wide; the
    features are those after the last rectifier of each block, (N, C, H/2^k, W/2^k).
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict()
        channels = 3
        for index, width in convolutions():
            self.features[str(index)] = nn.Conv2d(channels, width, 3, padding=1)
            channels = width

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        mean, std = (torch.tensor(v).to(x).view(1, 3, 1, 1) for v in (MEAN, STD))
        h = (unit(x) - mean) / std
        found: list[torch.Tensor] = []
        layers = iter(self.features.values())
        for block in BLOCKS:
            h = F.max_pool2d(h, 2) if found else h
            for _ in block:
                h = F.relu(next(layers)(h))
            found.append(h)
        return found


def convolutions() -> list[tuple[int, int]]:
    """(index, width) of each convolution; rectifiers and maxima have indices, too."""
    found, index = [], 0
    for block in BLOCKS:
        for width in block:
            found.append((index, width))
            index += 2
        index += 1
    return found


def read_vgg16(path: str | Path) -> VGG16:
    """The network with the weights of a file, as torch.save or safetensors writes them; nothing in
    it is run.  Raises CheckpointError if it cannot be read or is another network's."""
    path = Path(path)
    try:
        tensors = (
            load_file(path) if path.suffix.lower() == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    # A damaged pickle can end in almost any error.
    except Exception as error:
        raise CheckpointError(
            f"{path.name} cannot be read as weights; give a file of VGG-16 as PyTorch or "
            "safetensors saves it."
        ) from error
    return vgg16_with(tensors)


def vgg16_with(tensors: Mapping[str, torch.Tensor]) -> VGG16:
    """The network with the weights of a state dict whose convolutions are called features.N.weight
    and features.N.bias; a classifier in it is passed over.

    Raises CheckpointError if any convolution is missing, left over or of another shape.
    """
    network = VGG16()
    try:
        network.load_state_dict({k: v for k, v in tensors.items() if k.startswith(PREFIX)})
    except (RuntimeError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "These are not the weights of VGG-16; give a state dict with the names "
            "features.0.weight to features.28.bias."
        ) from error
    return network.eval().requires_grad_(False)
