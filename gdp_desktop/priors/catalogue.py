"""Public priors by name: where each comes from, on which terms, and how to know it again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A published file of weights.

    ``url`` and ``sha256`` are "" where there is none to give; ``tensors`` and ``parameters``
    count what the file holds and recognise it when it was renamed.  ``terms`` is one sentence
    that the user reads before use.
    """

    name: str
    title: str
    file: str
    tensors: int
    parameters: int
    bytes: int
    licence: str
    terms: str
    sha256: str = ""
    url: str = ""
    home: str = ""


CATALOGUE = (
    Known(
        name="256x256_diffusion_uncond",
        title="OpenAI ADM, unconditional, 256×256, trained on ImageNet",
        file="256x256_diffusion_uncond.pt",
        tensors=566,
        parameters=552_814_086,
        bytes=2_211_300_000,
        licence="research only",
        terms=(
            "OpenAI released these weights for research purposes only, not for commercial "
            "deployment, and warns that its faces are not realistic."
        ),
        sha256="a37c32fffd316cd494cf3f35b339936debdc1576dad13fe57c42399a5dbc78b1",
        url="https://openaipublic.blob.core.windows.net/diffusion/jul-2021/"
            "256x256_diffusion_uncond.pt",
        home="https://github.com/openai/guided-diffusion",
    ),
    Known(
        name="ffhq_10m",
        title="ADM, unconditional, 256×256, trained on FFHQ faces",
        file="ffhq_10m.pt",
        tensors=362,
        parameters=93_563_910,
        bytes=374_417_833,
        licence="none stated, photos CC BY-NC-SA 4.0",
        terms=(
            "Its authors state no licence; the face photos it learned from (FFHQ) are for "
            "non-commercial use only (CC BY-NC-SA 4.0)."
        ),
        # Its authors offer it in a browser alone.  This is the copy that deepinv fetches; a fork of
        # the authors' repository names the same hash.
        sha256="81d535743156ec6be34d8668e6920da94f0614074d7793a16c8fa9e306237faa",
        url="https://huggingface.co/deepinv/diffunet/resolve/main/diffusion_ffhq_10m.pt",
        home="https://github.com/DPS2022/diffusion-posterior-sampling",
    ),
)


def known_named(name: str) -> Known | None:
    return next((known for known in CATALOGUE if known.name == name), None)


def known_file(file: str) -> Known | None:
    """The entry with a hash to hold a file of this name against."""
    return next((known for known in CATALOGUE if known.file == file and known.sha256), None)


def offered() -> tuple[Known, ...]:
    """What can be downloaded."""
    return tuple(known for known in CATALOGUE if known.url)


def recognised(sha256: str, tensors: int, parameters: int) -> Known | None:
    """The published file with this hash, or else the one of the same make."""
    for known in CATALOGUE:
        if known.sha256 and known.sha256 == sha256:
            return known
    return next(
        (k for k in CATALOGUE if (k.tensors, k.parameters) == (tensors, parameters)), None
    )
