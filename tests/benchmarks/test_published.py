"""What is published was measured with the prior that is shipped."""

from pathlib import Path

import pytest

from gdp_desktop.diffusion.checkpoints import sha256_of
from gdp_desktop.priors.places import MODEL_FOLDERS

ROOT = Path(__file__).parents[2]
PUBLISHED = [ROOT / "models" / "README.md", *sorted((ROOT / "docs" / "benchmarks").glob("*.md"))]


@pytest.mark.parametrize("page", PUBLISHED, ids=lambda page: page.name)
def test_names_the_shipped_weights(page: Path) -> None:
    shipped = sha256_of(MODEL_FOLDERS[0] / "photo-small.safetensors")
    assert shipped in page.read_text(encoding="utf-8")


def test_there_are_tables() -> None:
    assert {page.stem for page in PUBLISHED} >= {"denoising", "restoration"}
