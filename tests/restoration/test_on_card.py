"""A job on a graphics card, shown on a pretended one: from the file to the result."""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.image.geometry import Size
from gdp_desktop.restoration import memory, prepare
from gdp_desktop.restoration import restore as engine
from gdp_desktop.restoration.job import CancelToken, Finished, Job, Preview, Recipe
from gdp_desktop.restoration.memory import Footprint, fits_on_card
from gdp_desktop.restoration.priors import LoadedPrior
from tests.methods.test_laws import network_prior
from tests.pretended_card import CARD, pretended_card

ROOM = 1 << 34


def prior() -> UNetPrior:
    """One of its own, as it moves to the card."""
    known = network_prior()
    return replace(known, network=deepcopy(known.network), window=48)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    shapes = cv2.resize(rng.random((8, 9, 3)).astype(np.float32), (90, 131))
    path = tmp_path / "dark.png"
    noisy = 0.05 + 0.2 * shapes + 0.01 * rng.standard_normal(shapes.shape)
    cv2.imwrite(str(path), np.rint(255 * noisy.clip(0, 1)).astype(np.uint8))
    return path


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Priors that are loaded are on the pretended card, which computes in float32."""
    monkeypatch.setattr("gdp_desktop.diffusion.prior.bfloat16_pays", lambda device: False)
    monkeypatch.setattr(torch, "autocast", lambda *_, enabled: nullcontext())
    monkeypatch.setattr(memory, "free_on_card", lambda device: ROOM)


def restored(
    monkeypatch: pytest.MonkeyPatch, photo: Path, recipe: Recipe, device: str
) -> tuple[Finished, list[Preview]]:
    loaded = LoadedPrior(prior().on(device), "tiny", "", device, picture_bytes=8.0)
    monkeypatch.setattr(prepare, "load_prior", lambda name, wished: loaded)
    events = list(engine.restore(Job(photo, recipe), CancelToken()))
    assert isinstance(events[-1], Finished)
    return events[-1], [event for event in events if isinstance(event, Preview)]


@pytest.mark.parametrize("room", [ROOM, 1000], ids=["all there", "windows travel"])
@pytest.mark.parametrize("recipe", [
    Recipe("low-light"), Recipe("denoise", {"sigma": 20}, steps=3),
    Recipe("deblurring", {"kind": "blind", "size": 5}, steps=2),
], ids=lambda recipe: recipe.task)
def test_the_result_is_that_of_the_processor(
    card: None, photo: Path, recipe: Recipe, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, painted_here = restored(monkeypatch, photo, recipe, "cpu")
    monkeypatch.setattr(memory, "free_on_card", lambda device: room)
    with pretended_card():
        there, painted_there = restored(monkeypatch, photo, recipe, CARD.type)
    difference = there.photo.pixels.astype(int) - here.photo.pixels
    assert np.abs(difference).max() <= 1
    assert there.report.degradation.keys() == here.report.degradation.keys()
    for name, value in here.report.degradation.items():
        assert there.report.degradation[name] == pytest.approx(value, rel=1e-3, abs=1e-6)
    # Of more rows each, as every call of a card takes time.
    assert 0 < there.report.evaluations < here.report.evaluations
    assert there.by_products.keys() == here.by_products.keys()
    assert 0 < len(painted_there) <= len(painted_here)


def test_previews_on_a_card_keep_a_distance(
    card: None, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SECONDS_BETWEEN_PREVIEWS_ON_CARD", 3600.0)
    with pretended_card():
        _, painted = restored(monkeypatch, photo, Recipe("low-light"), CARD.type)
    assert len(painted) == 1


def test_what_needs_more_than_the_card_has_stays_in_main_memory() -> None:
    loaded = LoadedPrior(prior(), "tiny", "", "cuda", picture_bytes=8.0)
    footprint, size = Footprint(given=0, posing=0, solving=600), Size(64, 64)
    network = memory.network_bytes(footprint, size, loaded, 1)
    for card_bytes, expected in ((600 + network, True), (599 + network, False)):
        assert fits_on_card(footprint, size, loaded, 1, card_bytes) is expected
        assert not fits_on_card(footprint, size, replace(loaded, device="cpu"), 1, card_bytes)


@pytest.mark.parametrize(("at_once", "cards", "jobs"), [(1, 1, 1), (3, 1, 3), (3, 2, 2), (2, 2, 1)])
def test_jobs_on_a_card_share_its_memory(
    at_once: int, cards: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_on_card", lambda device: ROOM)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    assert memory.share_of_card("cuda:0", at_once) == memory.CARD_SHARE * ROOM / jobs
    assert memory.share_of_card("cpu", at_once) == 0
