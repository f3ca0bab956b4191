"""FFDNet, the convolutional denoiser that others are measured against; no weights come along."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from gdp_desktop.benchmarks.photos import as_photo, as_tensor
from gdp_desktop.benchmarks.plan import LeftOut
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.image.errors import shown
from gdp_desktop.priors.weights import open_weights

WIDTH, CONVOLUTIONS, FOLD = 96, 12, 2
FOLDED = 3 * FOLD**2


class FFDNet(nn.Module):
    """Zhang et al. 2018 for colour photos: ``(noisy, sigma) -> clean``.

    The photo is folded to a quarter of its pixels, the noise level is one more channel, and a row
    of 3×3 convolutions answers with the clean photo.  Both are (N, 3, H, W) in [0, 1], not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (FOLDED + 1, *[WIDTH] * (CONVOLUTIONS - 1), FOLDED)
        # Rectifiers have numbers, too, in the authors' files.
        self.model = nn.ModuleDict({
            str(2 * k): nn.Conv2d(*channels, 3, padding=1)
            for k, channels in enumerate(pairwise(widths))
        })

    def forward(self, noisy: torch.Tensor, sigma: float) -> torch.Tensor:
        height, width = noisy.shape[-2:]
        even = F.pad(noisy, (0, width % FOLD, 0, height % FOLD), mode="replicate")
        h = F.pixel_unshuffle(even, FOLD)
        h = torch.cat([h, torch.full_like(h[:, :1], sigma)], dim=1)
        first, *others = self.model.values()
        h = first(h)
        for convolution in others:
            h = convolution(F.relu(h))
        return F.pixel_shuffle(h, FOLD)[..., :height, :width]


class Denoiser:
    """FFDNet with the weights of a file, on photos (H, W, 3) in [0, 1]; read when first asked.

    Raises LeftOut where no file was given or it holds something else.
    """

    def __init__(self, weights: Path | None) -> None:
        self._weights = weights
        self._network: FFDNet | None = None

    @torch.no_grad()
    def __call__(self, noisy: np.ndarray, sigma: float) -> np.ndarray:
        self._network = self._network or _read(self._weights)
        return as_photo(2 * self._network(unit(as_tensor(noisy)), sigma) - 1)


def _read(weights: Path | None) -> FFDNet:
    if weights is None:
        raise LeftOut(
            "FFDNet is left out, as its weights are not part of this program; give its authors' "
            "ffdnet_color.pth with --ffdnet."
        )
    network = FFDNet()
    try:
        network.load_state_dict(open_weights(weights).read())
    except CheckpointError as error:
        raise LeftOut(f"FFDNet is left out: {error}") from error
    except RuntimeError as error:
        raise LeftOut(
            f"FFDNet is left out, as {shown(weights)} holds another network's weights; give its "
            "authors' ffdnet_color.pth."
        ) from error
    return network.eval()
