from __future__ import annotations

import pytest
import torch

from gdp_desktop.diffusion.quantile import ENOUGH, quantile


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.777, 1.0])
def test_is_that_of_all_values_whatever_their_shape(share: float) -> None:
    values = torch.randn(3, 41, 7, generator=torch.Generator().manual_seed(1))
    assert quantile(values, share) == pytest.approx(float(values.quantile(share)), abs=1e-6)


def test_of_very_many_values_it_is_near_that_of_all() -> None:
    values = torch.rand(7 * ENOUGH + 13, generator=torch.Generator().manual_seed(2))
    assert quantile(values, 0.3) == pytest.approx(0.3, abs=0.005)


def test_one_value_is_its_own_and_none_is_an_error() -> None:
    assert quantile(torch.tensor(4.5), 0.9) == 4.5
    with pytest.raises((IndexError, ValueError)):
        quantile(torch.empty(0), 0.5)
