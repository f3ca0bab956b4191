"""What may not happen too often does not."""

from __future__ import annotations

import pytest

from gdp_desktop.restoration import throttle


def test_it_lets_the_first_through_and_then_one_in_so_many_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    gate, passed = throttle.Throttle(0.5), []
    for _ in range(21):
        if gate.is_open():
            passed.append(now)
        now += 0.125
    assert passed == [1000.0, 1000.5, 1001.0, 1001.5, 1002.0, 1002.5]
    assert throttle.Throttle(0.5).is_open()
