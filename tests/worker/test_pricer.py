"""Prices come from a thread of their own, and only the last one that was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from gdp_desktop.restoration.job import CancelToken, Cost, Job, Recipe
from gdp_desktop.worker.pricer import Pricer


class SlowPrice:
    """Takes until it is cancelled for the photos named slow and deaf, and then tells the price of
    the deaf one all the same; at once for those named known; tells nothing of others."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.given_up: list[str] = []

    def __call__(self, job: Job, cancel: CancelToken) -> Cost | None:
        name = job.source.name
        self.asked.append(name)
        deadline = time.monotonic() + 5
        while name in ("slow", "deaf") and time.monotonic() < deadline:
            if cancel.is_cancelled:
                self.given_up.append(name)
                break
            time.sleep(0.002)
        if name == "slow":
            cancel.raise_if_cancelled()
        if name == "broken":
            raise ValueError("Nobody thought of this.")
        return Cost(1.0, 2, 3) if name in ("known", "deaf") else None


@pytest.fixture
def price() -> SlowPrice:
    return SlowPrice()


@pytest.fixture
def pricer(qtbot: QtBot, price: SlowPrice) -> Iterator[Pricer]:
    pricer = Pricer(price)
    yield pricer
    assert pricer.shutdown()


@pytest.fixture
def told(pricer: Pricer) -> list[str]:
    names: list[str] = []
    pricer.priced.connect(lambda priced: names.append(priced.job.source.name))
    return names


def job(name: str) -> Job:
    return Job(Path(name), Recipe("denoise"))


def test_the_price_asked_for_last_is_told(
    qtbot: QtBot, pricer: Pricer, price: SlowPrice, told: list[str]
) -> None:
    pricer.ask(job("slow"))
    qtbot.waitUntil(lambda: price.asked == ["slow"], timeout=5000)
    for name in ("known", "slow", "known"):
        pricer.ask(job(name))
    qtbot.waitUntil(lambda: told == ["known"], timeout=2000)
    # Those in between were not even begun.
    assert price.asked == ["slow", "known"] and price.given_up == ["slow"]


def test_a_price_that_comes_too_late_is_not_told(
    qtbot: QtBot, pricer: Pricer, price: SlowPrice, told: list[str]
) -> None:
    pricer.ask(job("deaf"))
    qtbot.waitUntil(lambda: price.asked == ["deaf"], timeout=5000)
    pricer.ask(job("known"))
    qtbot.waitUntil(lambda: "known" in told, timeout=5000)
    assert told == ["known"]


@pytest.mark.parametrize("name", ["slow", "deaf"])
def test_a_price_that_is_given_up_is_not_told(
    name: str, qtbot: QtBot, pricer: Pricer, price: SlowPrice, told: list[str]
) -> None:
    pricer.ask(job(name))
    qtbot.waitUntil(lambda: price.asked == [name], timeout=5000)
    pricer.give_up()
    # What the thread comes to after that.
    pricer._asked.emit(job("unknown"), CancelToken())
    qtbot.waitUntil(lambda: "unknown" in price.asked, timeout=5000)
    QCoreApplication.processEvents()
    assert told == [] and price.given_up == [name]


@pytest.mark.parametrize("name", ["unknown", "broken"])
def test_what_has_no_price_does_not_stop_the_next(
    qtbot: QtBot, pricer: Pricer, price: SlowPrice, told: list[str], name: str
) -> None:
    pricer.ask(job(name))
    qtbot.waitUntil(lambda: price.asked == [name], timeout=5000)
    pricer.ask(job("known"))
    qtbot.waitUntil(lambda: told == ["known"], timeout=5000)


def test_leaving_does_not_wait_for_a_price(qtbot: QtBot, price: SlowPrice) -> None:
    pricer = Pricer(price)
    pricer.ask(job("slow"))
    qtbot.waitUntil(lambda: price.asked == ["slow"], timeout=5000)
    assert pricer.shutdown() and price.given_up == ["slow"]


def test_without_a_way_to_tell_nothing_is_told(qtbot: QtBot) -> None:
    pricer = Pricer()
    with qtbot.assertNotEmitted(pricer.priced):
        pricer.ask(job("known"))
        assert pricer.shutdown()
        QCoreApplication.processEvents()
