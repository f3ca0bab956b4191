import itertools

import numpy as np
import pytest

from gdp_desktop.image.geometry import Rect, Size

RECTS = [Rect(*xywh) for xywh in itertools.product((-3, 0, 2), (0, 1), (0, 1, 4), (2, 5))]
PAIRS = list(itertools.combinations(RECTS, 2))


def cells(rect: Rect) -> set[tuple[int, int]]:
    return set(itertools.product(range(rect.x, rect.right), range(rect.y, rect.bottom)))


def test_intersection_is_what_both_hold() -> None:
    assert all(cells(a.intersect(b)) == cells(a) & cells(b) for a, b in PAIRS)


def test_union_is_the_tightest_box_around_both() -> None:
    for a, b in PAIRS:
        both = cells(a) | cells(b)
        box = a.union(b)
        assert both <= cells(box)
        if both:
            xs, ys = zip(*both, strict=True)
            assert box == Rect(min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1)


def test_padding_is_undone_by_its_opposite() -> None:
    assert Rect(2, 3, 4, 5).padded(2) == Rect(0, 1, 8, 9)
    assert all(rect.padded(3).padded(-3) == rect for rect in RECTS)


@pytest.mark.parametrize("rect", RECTS)
def test_clamped_slices_stay_inside(rect: Rect) -> None:
    part = rect.clamped(Size(3, 2))
    array = np.zeros((2, 3))
    array[part.slices] = 1
    assert array.sum() == part.size.pixels == len(cells(rect) & cells(Rect(0, 0, 3, 2)))


def test_emptiness() -> None:
    assert Rect(1, 1, 0, 5).is_empty and not Rect(1, 1, 1, 1).is_empty
    assert Size(4, 3).shape == (3, 4)
