from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gdp_desktop.image.geometry import Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo, load_photo
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.job import Finished, Recipe, Report
from gdp_desktop.worker import loader as loader_module
from gdp_desktop.worker.loader import Loader

if TYPE_CHECKING:
    from conftest import MakePhoto


RECIPE = Recipe("denoise")


def finished(photo: Photo, **by_products: np.ndarray) -> Finished:
    return Finished(photo, Report("a.png", None, "done", "denoise"), by_products)


@pytest.fixture
def loader(qtbot: QtBot) -> Iterator[Loader]:
    loader = Loader()
    yield loader
    assert loader.shutdown()


def test_a_photo_comes_with_what_the_screen_shows(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto
) -> None:
    path = make_photo("a.png", Size(700, 500))
    with qtbot.waitSignal(loader.opened, timeout=5000) as blocker:
        loader.open(path)
    opened = blocker.args[0]
    assert opened.path == path and opened.photo.size == (700, 500)
    assert opened.pyramid.levels[1].shape == (250, 350, 4)
    assert (opened.pyramid.levels[0][..., 2::-1] == opened.photo.pixels).all()


def test_only_the_photo_asked_for_last_is_announced(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto
) -> None:
    first, second, seen = make_photo("a.png"), make_photo("b.png"), []
    loader.opened.connect(lambda opened: seen.append(opened.path))
    with qtbot.waitSignal(loader.opened, timeout=5000):
        loader.open(first)
        loader.open(second)
    assert seen == [second]


def test_a_photo_asked_for_twice_comes_once(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto, tmp_path: Path
) -> None:
    """What was painted on the first would be lost when the second comes."""
    path, seen, said = make_photo("a.png"), [], []
    loader.opened.connect(lambda opened: seen.append(opened.path))
    loader.failed.connect(said.append)
    for _ in range(2):
        loader.open(path)
    for _ in range(2):
        loader.open(tmp_path / "gone.png")
    loader.open(path)
    with qtbot.waitSignal(loader.mask_loaded, timeout=5000):
        loader.open_mask(path, load_photo(path))
    assert seen == [path] and said == []


def test_a_broken_file_gets_one_sentence(qtbot: QtBot, loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not a photo")
    with qtbot.waitSignal(loader.failed, timeout=5000) as blocker:
        loader.open(tmp_path / "a.jpg")
    assert "a.jpg" in blocker.args[0]


def test_a_broken_file_is_not_told_of_once_another_photo_is_wanted(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not a photo")
    said: list[str] = []
    loader.failed.connect(said.append)
    with qtbot.waitSignal(loader.opened, timeout=5000):
        loader.open(tmp_path / "a.jpg")
        loader.open(make_photo("b.png"))
    assert said == []


def test_a_result_is_saved_under_a_free_name(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto
) -> None:
    source = make_photo("a.png")
    photo = load_photo(source)
    for name in ("a-restored.png", "a-restored-2.png"):
        with qtbot.waitSignal(loader.saved, timeout=5000) as blocker:
            loader.save_beside(finished(photo), Mix(), source)
        assert blocker.args[0].path == source.with_name(name)


def test_what_was_found_is_saved_beside_the_result(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto
) -> None:
    source = make_photo("a.png")
    result = finished(load_photo(source), kernel=np.eye(5, dtype=np.float32))
    source.with_name("b.kernel.png").write_bytes(b"somebody else's")
    with qtbot.waitSignal(loader.saved, timeout=5000) as blocker:
        loader.save(result, Mix(), source.with_name("b.png"), overwrite=True)
    (beside,) = blocker.args[0].beside
    assert load_photo(beside).pixels[2, 2, 0] == 255
    assert source.with_name("b.kernel.png").read_bytes() == b"somebody else's"


def test_the_photo_itself_is_never_replaced(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto
) -> None:
    source = make_photo("a.png")
    before = source.read_bytes()
    with qtbot.waitSignal(loader.save_failed, timeout=5000):
        loader.save(finished(load_photo(source)), Mix(), source, overwrite=True)
    assert source.read_bytes() == before


def test_a_mask_comes_back_as_it_was(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto, tmp_path: Path
) -> None:
    mask = Mask(np.random.default_rng(2).integers(0, 256, (80, 96), np.uint8))
    with qtbot.waitSignal(loader.mask_loaded, timeout=5000) as blocker:
        loader.save_mask(mask, tmp_path / "mask.png")
        loader.open_mask(tmp_path / "mask.png", load_photo(make_photo()))
    assert (blocker.args[0].mask.pixels == mask.pixels).all()


def test_a_mask_of_another_size_is_refused(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto
) -> None:
    with qtbot.waitSignal(loader.failed, timeout=5000):
        loader.open_mask(make_photo("mask.png", Size(10, 10)), load_photo(make_photo()))


def test_what_cannot_be_saved_is_told_with_its_photo(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto, tmp_path: Path
) -> None:
    result = finished(load_photo(make_photo("a.png")))
    with qtbot.waitSignal(loader.save_failed, timeout=5000) as blocker:
        loader.save_beside(result, Mix(), tmp_path / "gone" / "a.png")
    assert blocker.args[0] is result.photo and "gone" in blocker.args[1]
    with qtbot.waitSignal(loader.saved, timeout=5000) as blocker:
        loader.save_beside(result, Mix(), tmp_path / "gone" / "a.png", tmp_path)
    assert blocker.args[0].path == tmp_path / "a-restored.png"


def test_one_thing_without_photos_does_not_spoil_a_search(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto, tmp_path: Path
) -> None:
    photos = [make_photo(name) for name in ("a.png", "b.png")]
    (tmp_path / "empty").mkdir()
    given = [photos[1], tmp_path / "empty", tmp_path, tmp_path / "missing.png"]
    with qtbot.waitSignal(loader.found, timeout=5000) as blocker:
        loader.find(given, RECIPE)
    found = blocker.args[0]
    assert found.paths == (photos[1], photos[0])
    assert "empty" in found.problems[0] and "missing.png" in found.problems[1]
    assert len(found.problems) == 2


def test_nobody_waits_for_a_search(
    qtbot: QtBot, loader: Loader, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(loader_module, "find_photos", lambda *_: answers.wait(10) and [])
    path, found = make_photo("a.png"), []
    loader.found.connect(found.append)
    loader.find([path.parent], RECIPE)
    with qtbot.waitSignal(loader.opened, timeout=5000):
        loader.open(path)
    assert not found
    with qtbot.waitSignal(loader.found, timeout=5000):
        answers.set()


def test_a_search_ends_with_the_program(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = threading.Event()

    def walk(*_: object, **__: object) -> Iterator[tuple[str, list[str], list[str]]]:
        for _ in range(10_000):
            looking.set()
            time.sleep(0.002)
            yield str(tmp_path), [], []

    monkeypatch.setattr(os, "walk", walk)
    loader, said = Loader(), []
    loader.failed.connect(said.append)
    loader.find([tmp_path], RECIPE)
    assert looking.wait(5)
    assert loader.shutdown()
    QApplication.processEvents()
    assert not said
