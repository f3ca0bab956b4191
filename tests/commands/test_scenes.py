"""Several photos of one scene as one job, and several results of one photo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from gdp_desktop.commands.inputs import meant_scenes
from gdp_desktop.commands.parser import LARGEST_SEED
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import Photo, load_photo, save_photo
from tests.contents import contents
from tests.image.handmade import exif_block

from .conftest import Put, Run


def put_exposures(folder: Path, *brightness: int, names: str = "abcdefghijk") -> list[Path]:
    """Photos of one pattern, of this brightness each."""
    folder.mkdir(parents=True, exist_ok=True)
    pattern = np.random.default_rng(0).random((48, 64, 3))
    paths = [folder / f"{name}.png" for name, _ in zip(names, brightness, strict=False)]
    for path, level in zip(paths, brightness, strict=True):
        cv2.imwrite(str(path), (pattern * 2 * level).clip(0, 255).astype(np.uint8))
    return paths


def test_the_best_exposed_photo_names_the_scene(tmp_path: Path) -> None:
    dark, bright, middle = put_exposures(tmp_path, 20, 200, 100)
    [scene] = meant_scenes([str(dark), str(bright), str(middle), str(dark)])
    assert (scene.path, scene.others, scene.error) == (middle, (dark, bright), None)


def test_every_folder_is_a_scene(tmp_path: Path) -> None:
    one = put_exposures(tmp_path / "day" / "one", 100, 20)
    two = put_exposures(tmp_path / "day" / "two", 20, 110, 200)
    scenes = meant_scenes([str(tmp_path / "day"), str(tmp_path / "nowhere")])
    assert scenes[0][::2] == (one[0], (one[1],))
    assert scenes[1][::2] == (two[1], (two[0], two[2]))
    assert scenes[2].error and scenes[2].error.endswith(".")


def test_a_bracket_becomes_one_result(restore: Run, tmp_path: Path) -> None:
    photos = put_exposures(tmp_path, 20, 100, 220)
    before = contents(tmp_path)
    outcome = restore(*photos, task="hdr")
    assert outcome.code == 0 and not outcome.err
    [report] = outcome.reports
    assert report["input"] == str(photos[1])
    assert report["others"] == [str(photos[0]), str(photos[2])]
    assert report["by_products"] == {"hdr": str(tmp_path / "b-restored.hdr.tif")}
    after = contents(tmp_path)
    assert set(after) - set(before) == {"b-restored.png", "b-restored.hdr.tif"}
    assert all(after[name] == data for name, data in before.items())
    # What was written is not taken for a further exposure.
    again = restore(tmp_path, task="hdr")
    assert again.reports[0]["others"] == report["others"]


def test_the_light_that_a_camera_tells_is_that_of_its_photo(restore: Run, tmp_path: Path) -> None:
    photos = put_exposures(tmp_path, 60, 105, 150)
    for path, seconds in zip(photos, (0.003, 0.01, 0.022), strict=True):
        exif = exif_block(details={0x829A: seconds})
        save_photo(Photo(load_photo(path).pixels, exif=exif), path, overwrite=True)
    [report] = restore(*photos, task="hdr").reports
    assert [report["input"], *report["others"]] == [str(photos[n]) for n in (1, 0, 2)]
    assert report["degradation"]["light_factors"] == pytest.approx([1, 0.3, 2.2])


def test_the_costs_of_a_bracket_are_told(restore: Run, tmp_path: Path) -> None:
    outcome = restore(*put_exposures(tmp_path, 20, 100, 220), "--estimate", task="hdr")
    assert outcome.code == 0 and not outcome.err
    [told] = outcome.reports
    assert told["seconds"] > 0 and told["bytes"] > 0 and told["evaluations"] > 0


@pytest.mark.parametrize("count", [1, 10])
def test_too_few_or_too_many_are_refused(count: int, restore: Run, tmp_path: Path) -> None:
    photos = put_exposures(tmp_path, *range(100, 100 + count))
    outcome = restore(*photos, task="hdr")
    assert outcome.code == 1 and str(count) in outcome.sentence
    assert len(contents(tmp_path)) == count


def test_unequal_sizes_are_refused(restore: Run, put_photo: Put) -> None:
    photos = put_photo("a.png"), put_photo("b.png", Size(60, 48))
    outcome = restore(*photos, task="hdr")
    assert outcome.code == 1 and "60×48" in outcome.sentence and "64×48" in outcome.sentence


def test_a_damaged_exposure_is_named(restore: Run, tmp_path: Path) -> None:
    photos = put_exposures(tmp_path, 20, 100)
    photos[1].write_bytes(photos[1].read_bytes()[:100])
    outcome = restore(*photos, task="hdr")
    assert outcome.code == 1 and "b.png" in outcome.sentence


def test_a_scene_is_refused_where_one_photo_is_all(restore: Run, photo: Path) -> None:
    outcome = restore(photo, "--scene", task="inpainting")
    assert outcome.code != 0 and outcome.sentence


@pytest.mark.parametrize("task", ["colorization", "denoise"])
def test_samples_are_results_of_further_seeds(task: str, restore: Run, photo: Path) -> None:
    more = ("--param", "colour_photo=recolour") if task == "colorization" else ()
    several = restore(photo, "--samples", 3, "--seed", 5, *more, task=task)
    assert several.code == 0 and [report["seed"] for report in several.reports] == [5, 6, 7]
    names = [Path(report["output"]).name for report in several.reports]
    assert names == ["photo-restored.png", "photo-restored-s2.png", "photo-restored-s3.png"]
    alone = restore(photo, "--seed", 6, "--overwrite", *more, task=task)
    files = contents(photo.parent)
    assert Path(alone.reports[0]["output"]).read_bytes() == files["photo-restored-s2.png"]


def test_after_the_largest_seed_comes_the_first(restore: Run, photo: Path) -> None:
    outcome = restore(photo, "--samples", 2, "--seed", LARGEST_SEED)
    assert [report["seed"] for report in outcome.reports] == [LARGEST_SEED, 0]


def test_what_cannot_be_found_is_told_once_whatever_the_samples(
    restore: Run, photo: Path
) -> None:
    outcome = restore(photo.with_name("gone.png"), photo, "--samples", 2)
    assert [report["status"] for report in outcome.reports] == ["failed", "done", "done"]


def test_a_scene_of_which_a_photo_is_missing_is_left_alone(
    restore: Run, tmp_path: Path
) -> None:
    [dark, middle, bright] = put_exposures(tmp_path, 20, 100, 200)
    before = contents(tmp_path)
    bright.unlink()
    outcome = restore(dark, middle, bright, task="hdr")
    assert outcome.code == 1 and [report["status"] for report in outcome.reports] == ["failed"]
    assert bright.name in outcome.sentence and contents(tmp_path).keys() < before.keys()


def test_a_broken_photo_is_told_once_whatever_the_samples(restore: Run, photo: Path) -> None:
    photo.write_bytes(b"no picture")
    outcome = restore(photo, "--samples", 3)
    assert outcome.code == 1 and len(outcome.reports) == 1 and outcome.sentence


def test_samples_replace_nothing(restore: Run, photo: Path) -> None:
    restore(photo, "--samples", 2)
    before = contents(photo.parent)
    again = restore(photo, "--samples", 2)
    names = [Path(report["output"]).name for report in again.reports]
    assert names == ["photo-restored-2.png", "photo-restored-s2-2.png"]
    after = contents(photo.parent)
    assert all(after[name] == data for name, data in before.items())


def test_a_link_to_a_photo_is_no_further_exposure(tmp_path: Path) -> None:
    [photo, other] = put_exposures(tmp_path, 100, 20)
    link = tmp_path / "link.png"
    link.symlink_to(photo)
    [scene] = meant_scenes([str(photo), str(link), str(other)])
    assert (scene.path, scene.others) == (photo, (other,))
