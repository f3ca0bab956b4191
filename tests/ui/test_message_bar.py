"""One bar for everything that is said: what matters is not lost behind what was said later."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QAbstractButton, QPushButton
from pytestqt.qtbot import QtBot

from gdp_desktop.ui.message_bar import Message, MessageBar, Offer


@pytest.fixture
def bar(qtbot: QtBot) -> MessageBar:
    bar = MessageBar()
    qtbot.addWidget(bar)
    return bar


@pytest.fixture
def taken() -> list[str]:
    return []


@pytest.fixture
def offer(taken: list[str]) -> Message:
    return Message(
        "Save it?", (Offer("Save", lambda: taken.append("saved")),), topic="save",
        declined=lambda: taken.append("declined"),
    )


def close(bar: MessageBar) -> None:
    next(b for b in bar.findChildren(QAbstractButton)
         if b.accessibleName() == "Close message").click()


def buttons(bar: MessageBar) -> list[str]:
    return [b.text() for b in bar.findChildren(QPushButton) if not b.isHidden()]


def test_good_news_goes_away_by_itself(
    qtbot: QtBot, bar: MessageBar
) -> None:
    bar._timer.setInterval(20)
    bar.inform("Saved.")
    assert bar.text == "Saved." and not buttons(bar)
    qtbot.waitUntil(lambda: bar.text == "", timeout=2000)


def test_an_offer_comes_back_when_good_news_is_over(
    qtbot: QtBot, bar: MessageBar, offer: Message, taken: list[str]
) -> None:
    bar._timer.setInterval(20)
    bar.say(offer)
    bar.inform("Saved.")
    assert bar.text == "Saved." and not buttons(bar)
    qtbot.waitUntil(lambda: bar.text == "Save it?", timeout=2000)
    # A layout shows what is put into it once the events so far are done.
    qtbot.waitUntil(lambda: buttons(bar) == ["Save"], timeout=2000)
    assert taken == []


def test_closing_another_sentence_declines_no_offer(
    bar: MessageBar, offer: Message, taken: list[str]
) -> None:
    bar.say(offer)
    bar.warn("That failed.")
    assert bar.text == "That failed."
    close(bar)
    assert bar.text == "Save it?" and taken == []
    close(bar)
    assert bar.text == "" and taken == ["declined"]


def test_an_offer_that_is_taken_is_gone_before_it_is_carried_out(
    bar: MessageBar, offer: Message, taken: list[str]
) -> None:
    seen: list[str] = []
    bar.say(Message("Again?", (Offer("Yes", lambda: (seen.append(bar.text), bar.say(offer))),)))
    bar.findChild(QPushButton).click()
    assert seen == [""] and bar.text == "Save it?" and taken == []


def test_bad_news_stays_until_something_else_goes_on(
    bar: MessageBar, offer: Message, taken: list[str]
) -> None:
    bar.say(offer)
    bar.warn("That failed.")
    bar.warn("That failed, too.")
    bar.inform("But this is saved.")
    close(bar)
    assert bar.text == "That failed, too."
    bar.dismiss()
    assert bar.text == "Save it?" and taken == []


def test_of_one_matter_only_the_last_is_said(bar: MessageBar, offer: Message) -> None:
    bar.say(offer)
    bar.say(Message("Save both?", offer.offers, topic="save"))
    assert bar.text == "Save both?"
    close(bar)
    assert bar.text == ""
    bar.say(offer)
    bar.inform("Saved elsewhere.")
    bar.withdraw("save")
    assert bar.text == "Saved elsewhere."
    close(bar)
    assert bar.text == ""


def test_a_revised_offer_does_not_push_itself_forward(bar: MessageBar, offer: Message) -> None:
    one_less = Message("Save the other one?", offer.offers, topic="save")
    bar.revise(one_less)
    assert bar.text == ""
    bar.say(offer)
    bar.inform("Saved.")
    bar.revise(one_less)
    assert bar.text == "Saved."
    close(bar)
    assert bar.text == "Save the other one?"
