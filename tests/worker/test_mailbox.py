from __future__ import annotations

from gdp_desktop.worker.mailbox import Mailbox


def test_the_reader_is_woken_once_and_gets_the_newest() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert mailbox.put(1)
    assert not mailbox.put(2)
    assert mailbox.take() == 2
    assert mailbox.take() is None
    assert mailbox.put(3)
