"""`sample`: what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from gdp_desktop.commands import sample

from .conftest import Run, raising

FAILED, BAD_USAGE = 1, 2


@pytest.mark.parametrize(("name", "said"), [
    ("old.png", "already exists"), ("sheet.txt", "choose .jpg"), ("no/sheet.png", "not exist"),
])
def test_a_target_that_cannot_be_is_refused_before_the_work(
    name: str, said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    failing = raising(AssertionError("it was started"))
    monkeypatch.setattr("gdp_desktop.commands.sample.load_prior", failing)
    outcome = run("sample", tmp_path / name)
    assert outcome.code in (FAILED, BAD_USAGE) and said in outcome.sentence


def test_samples_too_large_for_the_memory_are_refused(
    run: Run, tmp_path: Path, prior: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    monkeypatch.setattr(sample, "samples", raising(full))
    outcome = run("sample", tmp_path / "sheet.png", "--prior", prior)
    assert outcome.code == FAILED and "smaller --side" in outcome.err
    assert outcome.err.count("\n") == 1
