"""VGG-16: the names and shapes of its state dict, and strict loading."""

from __future__ import annotations

import pytest
import torch

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.perceptual import perceptual_distance
from gdp_desktop.diffusion.vgg import VGG16, convolutions, vgg16_with


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return VGG16().state_dict()


def test_the_convolutions_have_their_usual_numbers() -> None:
    found = [index for index, _ in convolutions()]
    assert found == [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


def test_weights_with_a_classifier_are_taken(weights: dict[str, torch.Tensor]) -> None:
    assert sum(t.numel() for t in weights.values()) == 14_714_688
    network = vgg16_with({**weights, "classifier.0.weight": torch.zeros(2, 2)})
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    found = network(x)
    assert [tuple(f.shape[1:]) for f in found] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)
    ]
    assert float(perceptual_distance(network, x, x)) == 0
    assert float(perceptual_distance(network, x, -x)) > 0


@pytest.mark.parametrize("fault", ["missing", "left over", "shape", "empty"])
def test_other_weights_are_refused(weights: dict[str, torch.Tensor], fault: str) -> None:
    damaged = dict(weights)
    if fault == "missing":
        del damaged["features.28.bias"]
    elif fault == "left over":
        damaged["features.30.weight"] = torch.zeros(1)
    elif fault == "shape":
        damaged["features.0.weight"] = torch.zeros(64, 4, 3, 3)
    else:
        damaged = {}
    with pytest.raises(CheckpointError, match="VGG-16") as raised:
        vgg16_with(damaged)
    assert "\n" not in str(raised.value) and str(raised.value).endswith(".")
