"""Whether what a photo shows agrees with a kernel that was found in it."""

from __future__ import annotations

import torch

from gdp_desktop.degradations.kernels import transfer

# In cycles per pixel: slower ones say nothing about a blur, faster ones are a JPEG's to leave out.
SLOWEST, FASTEST = 0.01, 0.35
# Of the energy of a frequency: what a kernel lets through of those that it blots out, at most, and
# of those that it spares, at least.
BLOTTED_OUT, SPARED = 0.1, 0.5
# The noise of neighbours is alike, so that slow frequencies have more of it.
NOISE_SHARE = 1.3
# Of 26 sharp training photos 23 have 0.17 and more left; blurred in four to seven ways they have
# 0.1 and less, most of them 0.02 and less, but for some softened by a Gaussian of σ = 0.8: 0.19.
MOST_LEFT = 0.15


def speaks_against(grey: torch.Tensor, kernel: torch.Tensor, noise: float) -> bool:
    """Whether (1, 1, H, W) in [0, 1] with noise of this standard deviation still holds what a blur
    with the kernel would have blotted out.

    The energy of photos falls as 1/f² (Field 1987), so energy times f² is about the same
    everywhere, unless a blur took it away.
    """
    if min(grey.shape[-2:]) <= 2 * len(kernel):  # hardly larger than its blur
        return False
    fade = torch.hann_window(grey.shape[-2])[:, None] * torch.hann_window(grey.shape[-1])
    seen = torch.fft.rfft2((grey - grey.mean()) * fade).abs().square()[0, 0]
    energy = seen / fade.square().sum() - NOISE_SHARE * noise**2
    down = torch.fft.fftfreq(grey.shape[-2])[:, None]
    squared = down.square() + torch.fft.rfftfreq(grey.shape[-1]).square()
    telling = (squared > SLOWEST**2) & (squared < FASTEST**2)
    passed = transfer(kernel.float(), grey.shape[-2:]).abs().square()
    blotted_out, spared = (
        (energy * squared)[telling & those]
        for those in (passed < BLOTTED_OUT, passed > SPARED)
    )
    if not len(blotted_out) or not len(spared):
        return False
    return bool(blotted_out.mean() > MOST_LEFT * spared.mean())
