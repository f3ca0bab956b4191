"""``sample``: pictures that a prior makes by itself."""

from __future__ import annotations

import argparse

from gdp_desktop.commands.errors import BadUsage, Refused
from gdp_desktop.commands.progress import ProgressLine
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import PhotoError, is_out_of_memory, one_line, printable, shown
from gdp_desktop.image.formats import SAVED_ENDINGS, SAVED_SUFFIXES
from gdp_desktop.image.photo import Photo, save_photo
from gdp_desktop.image.writing import refuse_target
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.restoration.sample_sheet import samples, sheet


def run(options: argparse.Namespace) -> int:
    if options.out.suffix.lower() not in SAVED_SUFFIXES:
        raise BadUsage(
            f"A sheet cannot be saved as {shown(options.out)}; choose {SAVED_ENDINGS}."
        )
    try:
        refuse_target(options.out, overwrite=options.overwrite)
        loaded = load_prior(options.prior, options.device or "auto")
        prior = loaded.prior
        side = -(-options.side // prior.stride) * prior.stride
        pictures = []
        with ProgressLine(f"Sampling {loaded.name}") as line:
            for picture in samples(prior, options.count, side, options.steps, options.seed):
                pictures.append(picture)
                line.show(len(pictures) / options.count, None)
        page = Photo(sheet(pictures, min(options.columns, options.count)))
        save_photo(page, options.out, overwrite=options.overwrite)
    except (PhotoError, CheckpointError) as error:
        raise Refused(one_line(error)) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise Refused(
            f"There is not enough memory for samples of {options.side}×{options.side} pixels; "
            "choose a smaller --side."
        ) from error
    print(printable(options.out))
    return 0
