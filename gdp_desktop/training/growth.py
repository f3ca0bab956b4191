"""A trained network made larger without forgetting anything."""

from __future__ import annotations

from dataclasses import replace

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.unet import UNet, UNetConfig


def grown(network: UNet, config: UNetConfig) -> UNet:
    """A network of the shape ``config``, with more residual blocks, that answers as this one does.

    A new block ends in a convolution of zeros: it adds nothing until it has learned something
    (cf. Net2Net, Chen et al. 2016).  Raises CheckpointError for fewer blocks or other widths.
    """
    had = network.config
    alike = len(config.blocks) == len(had.blocks) and replace(config, blocks=had.blocks) == had
    if not alike or any(n < before for n, before in zip(config.blocks, had.blocks, strict=True)):
        raise CheckpointError(
            f"A network of {_told(had)} cannot grow into one of {_told(config)}; keep its widths "
            "and give at least its blocks, or train a new one."
        )
    larger = UNet(config)
    # What has no weights yet stays as it was made.
    larger.load_state_dict(network.state_dict(), strict=False)
    return larger.eval()


def _told(config: UNetConfig) -> str:
    widths, blocks = (",".join(map(str, numbers)) for numbers in (config.widths, config.blocks))
    return f"widths {widths} and blocks {blocks}"
