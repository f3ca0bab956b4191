"""What a prior has learned in several trainings is told with it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from gdp_desktop.diffusion.checkpoints import CheckpointError, serialise_unet
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.chart import Line, drawn
from gdp_desktop.training.lineage import Lineage, curve_path, picture, read_curve, write_curve

RUN = {
    "step": 10, "crops": 160, "seconds": 90.0, "batch": 16, "crop": 64, "learning_rate": 1e-3,
    "numbers": "float32",
}


def prior_with(training: dict[str, object], path: Path) -> Path:
    path.write_bytes(serialise_unet(UNet(UNetConfig((8,), (0,), 8)), training))
    return path


def test_trainings_add_up(tmp_path: Path) -> None:
    assert Lineage().summary(RUN) == RUN
    first = prior_with(Lineage().summary(RUN), tmp_path / "a.safetensors")
    summary = Lineage.of(first).summary(RUN | {"step": 5, "batch": 8})
    assert (summary["step"], summary["crops"], summary["seconds"]) == (15, 320, 180.0)
    assert summary["batch"] == 8 and summary["runs"][0] == RUN
    assert [run["step"] for run in summary["runs"]] == [10, 5]
    second = prior_with(summary, tmp_path / "b.safetensors")
    assert [run["step"] for run in Lineage.of(second).summary(RUN)["runs"]] == [10, 5, 10]


def test_a_prior_that_tells_nothing_has_nothing_behind_it(tmp_path: Path) -> None:
    assert Lineage.of(prior_with({}, tmp_path / "a.safetensors")) == Lineage()
    with pytest.raises(CheckpointError):
        Lineage.of(tmp_path / "none.safetensors")


def test_reports_follow_the_curve_a_minute_each() -> None:
    lineage = Lineage([RUN], [{"minutes": 1.5, "loss": 0.4}])
    reports = [
        {"seconds": 0, "loss": float("nan"), "psnr_25": 20.0},
        {"seconds": 30, "loss": 0.3}, {"seconds": 50, "loss": 0.2},
        {"seconds": 60, "loss": 0.1, "psnr_15": 30.0},
    ]
    assert lineage.with_reports(reports) == [
        {"minutes": 1.5, "loss": 0.4},
        {"minutes": 2.33, "loss": 0.25, "psnr_25": 20.0},
        {"minutes": 2.5, "loss": 0.1, "psnr_15": 30.0},
    ]
    assert lineage.with_reports([]) == lineage.curve


def test_a_curve_is_written_and_read_back(tmp_path: Path) -> None:
    prior = tmp_path / "mine.safetensors"
    rows = [{"minutes": 1.0, "loss": 0.5}, {"minutes": 2.0, "loss": 0.4, "psnr_25": 28.5}]
    write_curve(prior, rows)
    assert read_curve(curve_path(prior)) == rows
    assert ElementTree.parse(tmp_path / "mine-learning.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize("text", ["", "minutes\n", "a,b\n1,2\n", "minutes,loss\nx,y\n", "\0"])
def test_what_is_no_curve_counts_as_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a-learning.csv"
    path.write_text(text, encoding="utf-8")
    assert read_curve(path) == [] and read_curve(tmp_path / "none.csv") == []


def test_the_picture_has_a_panel_for_all_that_was_measured() -> None:
    rows = [{"minutes": k, "loss": 1 / (k + 1), "psnr_25": 28 + k / 100} for k in range(200)]
    root = ElementTree.fromstring(picture(rows))
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert "loss of the v-prediction" in texts
    assert "dB on photos held out, noise of 25 of 255" in texts and "28" in texts
    assert not any("noise of 15" in text for text in texts)
    # A band of dots would hide the line.
    assert not any(e.tag.endswith("circle") for e in root.iter())
    ElementTree.fromstring(picture([]))


def test_an_axis_begins_where_it_is_told() -> None:
    root = ElementTree.fromstring(drawn([Line("dB", [(0, 28.0), (1, 29.0)], 28.0)], "minutes"))
    low, high = (float(e.get("cy")) for e in root.iter() if e.tag.endswith("circle"))
    ticks = [float(e.get("d").split()[1].split("H")[0]) for e in root.iter()
             if e.tag.endswith("path")]
    assert low == max(ticks) and high == min(ticks)
