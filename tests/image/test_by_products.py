"""By-products are exact where they have a scale, seen where they have none, and replace nothing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gdp_desktop.image.by_products import by_product_path, save_by_product
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.files import find_photos


def test_light_is_kept_as_32_bit_floats(tmp_path: Path) -> None:
    light = np.random.default_rng(0).exponential(3, (7, 5, 3)).astype(np.float32)
    path = by_product_path(tmp_path / "a-restored.jpg", "hdr", light)
    assert path.name == "a-restored.hdr.tif"
    assert save_by_product(light, path) == path
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.float32 and np.array_equal(read[..., ::-1], light)


@pytest.mark.parametrize("scale", [1e-6, 0.02, 50.0, 0.0])
def test_a_kernel_fills_the_range(tmp_path: Path, scale: float) -> None:
    kernel = scale * np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32)
    path = by_product_path(tmp_path / "a-restored.jpg", "kernel", kernel)
    assert path.name == "a-restored.kernel.png"
    read = cv2.imread(str(save_by_product(kernel, path)), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.uint8 and read.max() == (255 if scale else 0)
    assert np.array_equal(read, np.rint(kernel / max(kernel.max(), 1e-30) * 255))


def test_nothing_is_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "a-restored.kernel.png"
    first = save_by_product(np.eye(3), path).read_bytes()
    assert save_by_product(np.ones((4, 4)), path).name == "a-restored.kernel-2.png"
    assert path.read_bytes() == first
    assert save_by_product(np.ones((4, 4)), path, overwrite=True) == path
    assert path.read_bytes() != first
    with pytest.raises(PhotoError):
        save_by_product(np.eye(3), tmp_path / "nowhere" / "a.kernel.png")


def test_by_products_are_not_taken_for_photos(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    for array in (np.eye(3), np.ones((2, 2, 3))):
        for _ in range(2):
            save_by_product(array, by_product_path(tmp_path / "a-restored.jpg", "x", array))
    assert find_photos([tmp_path]) == [tmp_path / "a.jpg"]
