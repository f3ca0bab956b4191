"""What is published says with which prior it was measured: the shipped one where it judges the
prior, and one of the model card's history where it compares methods or settings with each other."""

import re
from pathlib import Path

import pytest

from gdp_desktop.diffusion.checkpoints import sha256_of
from gdp_desktop.priors.places import MODEL_FOLDERS

ROOT = Path(__file__).parents[2]
CARD = ROOT / "models" / "README.md"
TABLES = {page.stem: page for page in sorted((ROOT / "docs" / "benchmarks").glob("*.md"))}
OF_THE_PRIOR = ("denoising", "denoising-all", "restoration", "restoration-blind")
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def shipped() -> str:
    return sha256_of(MODEL_FOLDERS[0] / "photo-small.safetensors")


@pytest.mark.parametrize("page", [CARD, *(TABLES[name] for name in OF_THE_PRIOR)],
                         ids=lambda page: page.stem)
def test_what_judges_the_prior_judges_the_shipped_one(page: Path) -> None:
    assert shipped() in page.read_text(encoding="utf-8")


@every_table
def test_every_table_names_a_prior_of_the_history(table: Path) -> None:
    named = re.findall(r"prior: photo-small, sha256 ([0-9a-f]{64})", table.read_text("utf-8"))
    _, history = CARD.read_text(encoding="utf-8").split("History on the 22 crops")
    known = re.findall(r"`([0-9a-f]{8})…`", history)
    assert len(named) == 1 and named[0][:8] in known
    assert shipped()[:8] in known
