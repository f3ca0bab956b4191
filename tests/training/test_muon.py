"""The optimiser of the network's inner weights."""

import pytest
import torch
from torch import nn

from gdp_desktop.training.muon import COEFFICIENTS, ITERATIONS, Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_all_directions_become_alike(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(shape, generator=generator)
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert orthogonal(matrix).shape == shape
    assert 0.3 < float(values.min()) and float(values.max()) < 1.3
    # Its direction stays the gradient's: the step goes downhill.
    assert float((orthogonal(matrix) * matrix).sum()) > 0


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_the_short_way_ends_where_the_published_iteration_ends(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(4))
    a, b, c = COEFFICIENTS
    x = matrix / matrix.norm()
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    assert torch.allclose(orthogonal(matrix), x, atol=1e-4)


def test_the_size_of_the_gradient_does_not_matter() -> None:
    matrix = torch.randn(6, 30, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(orthogonal(1e3 * matrix), orthogonal(matrix), atol=1e-5)


def test_learns_a_convolution_and_keeps_its_layout() -> None:
    torch.manual_seed(3)
    truth, learned = (
        nn.Conv2d(4, 8, 3, bias=False).to(memory_format=torch.channels_last) for _ in range(2)
    )
    optimiser = Muon(learned.parameters(), lr=0.05)
    losses = []
    for step in range(150):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / 150)
        x = torch.randn(8, 4, 10, 10)
        loss = (learned(x) - truth(x).detach()).square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.01 * losses[0]
    assert learned.weight.is_contiguous(memory_format=torch.channels_last)
