"""The setting that says how noisy a photo is that is restored from other damage."""

from __future__ import annotations

from typing import NamedTuple

from gdp_desktop.degradations.noise import noise_to_remove, shared_by_channels
from gdp_desktop.degradations.noise_or_texture import WhiteNoise, told_apart
from gdp_desktop.tasks.param import Param, Values
from gdp_desktop.tasks.task import Given

# What a photo without noise is not sure of: rounding, and what no kernel explains.
LEAST = 1 / 127.5
# What counts of noise that was removed, as what its removal leaves; a blur that is set too wide
# would make all of that into lines along edges.
LEFT_SHARE = 0.2


class NoiseBeside(NamedTuple):
    """σ_y in units of x in [-1, 1], and the σ of white noise that is to be removed before; what the
    user should know of it."""

    sigma_y: float
    first: float = 0.0
    notes: tuple[str, ...] = ()


def noise_setting(help: str) -> Param:
    return Param("noise", "Noise", 0, 0, 50, 0.5, "of 255", help, auto=0)


def noise_of(given: Given, values: Values, other: float = LEAST) -> NoiseBeside:
    """As stated, or as the prior tells it from texture; ``other`` if that finds none.

    What the prior does not take for white noise it could not remove before: then y is matched the
    less strictly, the more noise there is.
    """
    stated = values["noise"] / 127.5
    found = None
    if given.prior is None:
        # What is stated is believed where the flattest blocks do not speak against it.
        if stated and not any(noise_to_remove(given.y)[1:]):
            found = WhiteNoise(stated, shared_by_channels(given.y))
    else:
        found = told_apart(given.y, given.prior, given.raise_if_cancelled)
    if found is None or 0 < stated <= LEAST:
        return NoiseBeside(stated or other)
    notes = () if stated else (
        f"Noise of {127.5 * found.sigma:.1f} of 255 was found and removed first.",
    )
    found = found._replace(sigma=stated or found.sigma)
    return NoiseBeside(max(LEAST, LEFT_SHARE * found.sigma), found.told, notes)
