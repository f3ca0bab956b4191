"""Windows side by side: the same answers, in order, each on its share of the cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from gdp_desktop.diffusion.at_once import (
    AHEAD,
    MOST_AT_ONCE,
    ahead_in_lanes,
    cores,
    each_at_once,
    on_one_core,
    on_one_thread,
    sharing_cores,
    side_by_side,
    take_cores,
    windows_at_once,
)
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.diffusion.unet import UNet, UNetConfig

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 4])
def allotted(request: pytest.FixtureRequest) -> Iterator[int]:
    before = cores()
    take_cores(request.param)
    yield request.param
    take_cores(before)


def test_answers_come_in_the_order_of_the_parts(allotted: int) -> None:
    assert each_at_once(lambda part: part * part, range(20)) == [n * n for n in range(20)]
    assert each_at_once(str, []) == []


def test_every_part_has_its_share_of_the_cores(allotted: int) -> None:
    parts = min(2, allotted)
    meeting = threading.Barrier(parts, timeout=30)

    def share(_: int) -> int:
        meeting.wait()
        return torch.get_num_threads()

    assert each_at_once(share, range(parts)) == [allotted // parts] * parts
    assert torch.get_num_threads() == allotted == cores()


def test_threads_that_come_later_have_all_cores(allotted: int) -> None:
    with sharing_cores(4) as pool:
        assert pool.submit(torch.get_num_threads).result() == max(1, allotted // 4)
    found = []
    later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert found == [allotted]


def test_threads_without_a_number_have_all_cores_whatever_others_took(
    allotted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gdp_desktop.diffusion.at_once.ALL_CORES", 3)
    found = []
    with on_one_thread():
        other = threading.Thread(target=lambda: found.append(cores()))
        other.start()
        other.join()
    assert found == [3]


def test_on_one_thread_the_cores_are_for_parts_only(allotted: int) -> None:
    with on_one_thread():
        assert torch.get_num_threads() == 1 and cores() == allotted
        assert each_at_once(lambda _: torch.get_num_threads(), [0]) == [allotted]
        shares = list(side_by_side(torch.get_num_threads, [(), ()], CPU))
    assert shares == [1, 1]
    assert torch.get_num_threads() == cores() == allotted
    assert on_one_core(torch.get_num_threads) == 1


def test_what_fails_is_told(allotted: int) -> None:
    with pytest.raises(ZeroDivisionError):
        each_at_once(lambda part: 1 // part, [1, 0, 1])


def test_no_more_windows_than_cores(allotted: int) -> None:
    assert windows_at_once() == min(allotted, MOST_AT_ONCE)


def test_a_batch_of_a_prior_is_its_windows_one_by_one(allotted: int) -> None:
    torch.manual_seed(0)
    prior = UNetPrior(UNet(UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16)).eval())
    torch.nn.init.normal_(prior.network.conv_out.weight)
    x_t = torch.randn(5, 3, 32, 40)
    together = prior(x_t, 300).x0
    alone = torch.cat([prior(part, 300).x0 for part in x_t.split(1)])
    assert not together.requires_grad
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    assert torch.equal(together, prior(x_t, 300).x0)


def test_jobs_at_work_together_do_not_share_their_threads() -> None:
    """Two jobs of two windows each are four threads, which all meet."""
    meeting = threading.Barrier(4, timeout=30)

    def job() -> None:
        take_cores(2)
        each_at_once(lambda _: meeting.wait(), range(2))

    before = cores()
    jobs = [threading.Thread(target=job) for _ in range(2)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join()
    take_cores(before)
    assert not meeting.broken


def test_side_by_side_keeps_the_order_and_makes_no_gradients(allotted: int) -> None:
    variable = torch.ones(3, requires_grad=True)

    def work(a: int, b: float) -> torch.Tensor:
        return (a * variable).sum() + b

    found = list(side_by_side(work, [(k, 0.5) for k in range(7)], CPU))
    assert [float(x) for x in found] == [3 * k + 0.5 for k in range(7)]
    assert not any(x.requires_grad for x in found)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_side_by_side_takes_one_part_more_than_it_works_on(allotted: int, device: str) -> None:
    taken: list[int] = []

    def parts() -> Iterator[tuple[int]]:
        for k in range(6):
            taken.append(k)
            yield (k,)

    assert next(side_by_side(lambda k: k, parts(), torch.device(device))) == 0
    # A card is given one after the other, and one core has no other to keep busy.
    few = windows_at_once() if device == "cpu" else 1
    assert len(taken) == (few + 1 if few > 1 else 1)


@pytest.mark.parametrize("lanes", [1, 2, 3, 5])
@pytest.mark.parametrize("parts", [0, 1, AHEAD, 7])
@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_lanes_get_their_parts_in_order_and_one_at_a_time(
    allotted: int, lanes: int, parts: int, at_once: int
) -> None:
    lock, working, most = threading.Lock(), set[int](), [0]
    seen: dict[int, list[int]] = {lane: [] for lane in range(lanes)}

    def work(lane: int, part: int) -> tuple[int, int]:
        with lock:
            assert lane not in working
            working.add(lane)
            most[0] = max(most[0], len(working))
        seen[lane].append(part)
        assert not torch.is_grad_enabled()
        with lock:
            working.remove(lane)
        return part, lane

    with torch.no_grad():
        found = list(ahead_in_lanes(work, range(lanes), range(parts), at_once))
    assert found == [(part, lane) for part in range(parts) for lane in range(lanes)]
    assert all(given == list(range(parts)) for given in seen.values())
    assert most[0] <= min(lanes, at_once, allotted)
    assert torch.get_num_threads() == allotted == cores()


def test_lanes_go_on_while_the_caller_works_but_not_far() -> None:
    before = cores()
    take_cores(2)
    begun: list[int] = []
    third = threading.Event()

    def work(lane: int, part: int) -> int:
        begun.append(part)
        if part == AHEAD:
            third.set()
        return part

    answers = ahead_in_lanes(work, range(2), range(50), 2)
    assert next(answers) == 0
    assert third.wait(30)  # nobody has asked for that part
    answers.close()
    take_cores(before)
    assert max(begun) == AHEAD


def test_what_fails_in_a_lane_is_told_and_ends_the_others(allotted: int) -> None:
    answers = ahead_in_lanes(lambda lane, part: lane // (3 - part), range(2), range(100), 2)
    with pytest.raises(ZeroDivisionError):
        list(answers)
    assert list(ahead_in_lanes(lambda lane, part: part, range(2), range(2), 2)) == [0, 0, 1, 1]
