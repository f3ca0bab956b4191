"""What is told about speed, without measuring any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from gdp_desktop.benchmarks.plan import BenchmarkError, LeftOut, Request
from gdp_desktop.benchmarks.speed import (
    FIGURES,
    SIZES,
    adm_photo,
    flops,
    reckoned,
    seconds_of_walks,
    summary,
)
from gdp_desktop.benchmarks.whole_jobs import in_a_process, made_photo, size_of, sizes_of
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.chart import Line, drawn, ticks
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import load_photo
from gdp_desktop.restoration.job import Recipe
from tests.gaussian_prior import GaussianPrior


def request_with(out: Path, *sizes: str) -> Request:
    return replace(Request(out), lists={"sizes": sizes} if sizes else {})


def test_sizes_are_megapixels(tmp_path: Path) -> None:
    assert sizes_of(request_with(tmp_path), SIZES) == SIZES
    assert sizes_of(request_with(tmp_path, "3", "0.25", "3"), SIZES) == (0.25, 3)
    for wrong in ("0", "-1", "201", "large", "nan"):
        with pytest.raises(BenchmarkError) as raised:
            sizes_of(request_with(tmp_path, wrong), SIZES)
        assert wrong in str(raised.value) and str(raised.value).endswith(".")


@pytest.mark.parametrize("megapixels", [0.02, 0.3])
def test_made_photos_have_their_size_and_are_dark(megapixels: float, tmp_path: Path) -> None:
    photo = load_photo(made_photo(tmp_path, megapixels, 3))
    assert photo.size == size_of(megapixels)
    assert photo.size.pixels == pytest.approx(megapixels * 1e6, rel=0.02)
    assert 10 < photo.pixels.mean() < 60 and photo.pixels.std() > 3


def test_operations_are_counted_per_pixel() -> None:
    prior = UNetPrior(UNet(UNetConfig((8,), (1,), 8, 1)).requires_grad_(False))
    small, large = flops(prior, 32), flops(prior, 64)
    # Two convolutions per block, three blocks, and one each at both ends; the embedding is small.
    convolutions = 2 * 9 * (3 * 8 + 6 * 8 * 8 + 8 * 3)
    assert (large - small) / (64**2 - 32**2) == pytest.approx(convolutions, rel=1e-6)
    assert torch.is_tensor(next(prior.network.parameters()))


def test_large_photos_of_a_large_network_are_reckoned() -> None:
    windows = GaussianPrior(0, 0.3, window=256, halo=32)
    figures = reckoned(windows, 0.5, 24, 25)
    # 6000×4000 pixels; neighbours share two halos and the ramp: one every 176 pixels at most.
    assert figures["evaluations"] == 25 * 34 * 23
    assert figures["seconds"] == 0.5 * figures["evaluations"]
    with pytest.raises(LeftOut, match="graphics cards"):
        adm_photo("cpu", 25)


def test_walks_are_timed_per_pixel_that_the_network_sees() -> None:
    prior = UNetPrior(UNet(UNetConfig((8, 8), (1, 1), 8, 2)).eval(), window=64, halo=8)
    times = seconds_of_walks(prior, "cpu", Size(256, 900), 2)
    assert len(times) >= 2 and all(0 < seconds < 1e-3 for seconds in times)


def row(what: str, case: str, **figures: float) -> dict[str, str]:
    filled = {name: f"{figures[name]:g}" if name in figures else "" for name in FIGURES}
    return {"what": what, "case": case, "steps": "", **filled}


def test_the_summary_judges(tmp_path: Path) -> None:
    rows = [
        row("matrix product", "float32", gflops=80), row("matrix product", "bfloat16", gflops=1),
        row("evaluation", "prior", seconds=0.5, gflops=60),
        *(
            row("photo", f"{size} MP", megapixels=size, seconds=2 + 6 * size,
                peak_mib=500 + 50 * size, evaluations=9 * size, network_seconds=5 * size,
                overhead=1.2, window_seconds=(2 + 6 * size) / 1.3,
                estimated_seconds=1.1 * (2 + 6 * size),
                estimated_mib=0.9 * (500 + 50 * size))
            for size in (1, 2, 4)
        ),
    ]
    rows.append(row("reckoned", "ADM-256, 24 MP", seconds=425.04) | {"steps": "25"})
    rows.append(row("many photos", "8 × 0.25 MP", megapixels=2, seconds=13, window_seconds=8))
    text = summary(tmp_path, rows)
    assert "Pixels per second of 8 × 0.25 MP, beside those of 4 MP: 0.80" in text
    assert "| 4 MP | default | 26.0 | 700 | 36 | 1.20 | 1.30 | 28.6 | 630 |" in text
    assert "| prior, one evaluation | 0.500 | 60.0 | 75 % |" in text
    assert "seconds ≈ 2.0 s + 6.00 s per megapixel." in text
    assert "peak_mib ≈ 500.0 MiB + 50.00 MiB per megapixel." in text
    assert "ADM-256, 24 MP at 25 steps, reckoned: 425.0 s." in text
    assert "from 1.10 to 1.10" in text and "from 0.90 to 0.90" in text
    assert ElementTree.parse(tmp_path / "speed.svg").getroot().tag.endswith("svg")
    assert summary(tmp_path, [])  # nothing measured yet


def test_a_drawing_holds_every_point_and_name() -> None:
    lines = [Line("time & <memory>", [(0.25, 3.0), (1, 9.5), (24, 200)]), Line("none", [])]
    root = ElementTree.fromstring(drawn(lines, "megapixels"))
    circles = [e for e in root.iter() if e.tag.endswith("circle")]
    assert len(circles) == 3
    assert all(0 <= float(c.get("cx")) <= float(root.get("width")) for c in circles)
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert "time & <memory>" in texts and "megapixels" in texts


def test_a_line_goes_from_left_to_right() -> None:
    root = ElementTree.fromstring(drawn([Line("seconds", [(24, 9), (0.25, 1), (3, 2)])], "size"))
    [line] = (e for e in root.iter() if e.tag.endswith("polyline"))
    across = [float(place.split(",")[0]) for place in line.get("points").split()]
    assert across == sorted(across) and len(across) == 3


@pytest.mark.parametrize("most", [0.03, 0.25, 1, 1.9, 24, 99, 100, 514, 5895, 0.0])
def test_ticks_are_round_and_reach_every_value(most: float) -> None:
    found = ticks([0.0, most / 3, most])
    assert found[0] == 0 and found[-1] >= most and 3 <= len(found) <= 6
    apart = found[1]
    assert found == pytest.approx([k * apart for k in range(len(found))])
    assert f"{apart:e}"[0] in "125" and float(f"{apart:.1g}") == pytest.approx(apart)


def test_a_photo_that_fails_is_left_out_with_its_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a photo")
    with pytest.raises(LeftOut, match="broken.jpg"):
        in_a_process([broken], Recipe("denoise", device="cpu"))


def test_a_process_that_restores_nothing_is_no_result(tmp_path: Path) -> None:
    photo = made_photo(tmp_path, 0.02, 0)
    with pytest.raises(LeftOut, match="without a word"):
        in_a_process([photo], Recipe("denoise", device="no such device"))
