"""Our linear degradations beside the operators of the library deepinv, where conventions agree.

Where they do not: a blurred photo goes on as its mirror image here, the border pixel twice, while
deepinv's "reflect" has it once, so the two agree except near the border.  Their closed form of the
proximal step of grey forgets the colours of where it starts from; by iteration they agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import nn
from torch.func import vjp

from gdp_desktop.degradations.blur import Blur, mirrored
from gdp_desktop.degradations.kernels import motion_kernel, published_kernel
from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.tasks.colorization import Grey
from gdp_desktop.tasks.inpainting import Masking
from gdp_desktop.tasks.super_resolution import BicubicDownsampling

SHAPE = (2, 3, 24, 32)
FACTOR = 4


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def known() -> torch.Tensor:
    return (noise(1, 1, *SHAPE[2:], seed=3) > -0.7).double()


def inpainting(deepinv: ModuleType) -> nn.Module:
    return deepinv.physics.Inpainting(SHAPE[1:], mask=known()[0].expand(3, -1, -1))


def block_means(deepinv: ModuleType) -> nn.Module:
    # Their filter is centred and their sample is a block's first pixel: the taps lie beyond it.
    taps = torch.zeros(1, 1, 2 * FACTOR - 1, 2 * FACTOR - 1, dtype=torch.float64)
    taps[..., :FACTOR, :FACTOR] = 1 / FACTOR**2
    return deepinv.physics.Downsampling(SHAPE[1:], taps, FACTOR, padding="circular")


def grey(deepinv: ModuleType) -> nn.Module:
    return deepinv.physics.Decolorize(srf="flat")


@dataclass(frozen=True)
class Pair:
    """``closed_form``: theirs of the proximal step is to be trusted."""

    ours: Callable[[], Degradation]
    theirs: Callable[[ModuleType], nn.Module]
    closed_form: bool = True


PAIRS = {
    "inpainting": Pair(lambda: Masking(known()), inpainting),
    "block means": Pair(lambda: BlockMean(FACTOR), block_means),
    "grey": Pair(Grey, grey, closed_form=False),
}
every_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


@every_pair
def test_forward_and_adjoint(pair: Pair, deepinv: ModuleType) -> None:
    ours, theirs = pair.ours(), pair.theirs(deepinv).double()
    x = noise(*SHAPE)
    y = noise(*ours(x).shape, seed=1)
    assert torch.allclose(ours(x), theirs.A(x), atol=1e-6)
    assert torch.allclose(ours.adjoint(y, x), theirs.A_adjoint(y), atol=1e-6)


@every_pair
def test_pseudo_inverse_and_prox(pair: Pair, deepinv: ModuleType) -> None:
    ours, theirs = pair.ours(), pair.theirs(deepinv).double()
    x0 = noise(*SHAPE)
    y = ours(noise(*SHAPE, seed=1))
    assert torch.allclose(ours.pseudo_inverse(y), theirs.A_dagger(y), atol=1e-4)
    # Theirs is the minimum of γ/2·‖Au - y‖² + ½·‖u - z‖², so ρ = 1/γ.
    iterated = partial(deepinv.physics.LinearPhysics.prox_l2, theirs, max_iter=100, tol=1e-8)
    for rho in (0.05, 2.0):
        for prox in [iterated, theirs.prox_l2] if pair.closed_form else [iterated]:
            assert torch.allclose(ours.prox(x0, y, rho), prox(x0, y, 1 / rho), atol=1e-5)


@pytest.mark.parametrize("kernel", [published_kernel(), motion_kernel(7, 30)],
                         ids=["gaussian", "motion"])
def test_blur(kernel: torch.Tensor, deepinv: ModuleType) -> None:
    """Theirs of the mirrored photo, whose border they do not know, is ours everywhere."""
    ours, reach = Blur(kernel).double(), [n // 2 for n in kernel.shape]
    theirs = deepinv.physics.Blur(filter=ours.kernel[None, None], padding="valid")

    def mirror(x: torch.Tensor) -> torch.Tensor:
        return mirrored(mirrored(x, reach[1], -1), reach[0], -2)

    x, y = noise(*SHAPE), noise(*SHAPE, seed=1)
    assert torch.allclose(ours(x), theirs.A(mirror(x)), atol=1e-6)
    folded = vjp(mirror, x)[1](theirs.A_adjoint(y))[0]
    assert torch.allclose(ours.adjoint(y, x), folded, atol=1e-6)

    reflecting = deepinv.physics.Blur(filter=ours.kernel[None, None], padding="reflect")
    inner = (..., slice(reach[0], -reach[0]), slice(reach[1], -reach[1]))
    difference = ours(x) - reflecting.A(x)
    assert float(difference[inner].abs().max()) < 1e-6 < 1e-3 < float(difference.abs().max())


def test_bicubic_shrinking(deepinv: ModuleType) -> None:
    ours = BicubicDownsampling(FACTOR).double()
    theirs = deepinv.physics.DownsamplingMatlab(factor=FACTOR)
    x = noise(*SHAPE)
    y = noise(*ours(x).shape, seed=1)
    assert torch.allclose(ours(x), theirs.A(x), atol=1e-5)
    assert torch.allclose(ours.adjoint(y, x), theirs.A_adjoint(y), atol=1e-5)
