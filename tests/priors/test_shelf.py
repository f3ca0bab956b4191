"""Importing, listing and verifying priors."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gdp_desktop.diffusion.checkpoints import sha256_of
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.priors import catalogue, importing, places, records
from gdp_desktop.priors.catalogue import CATALOGUE, Known
from gdp_desktop.priors.checks import verify
from gdp_desktop.priors.importing import import_prior
from gdp_desktop.priors.places import find_prior, name_of
from gdp_desktop.priors.records import Speed
from gdp_desktop.priors.shelf import describe, survey
from gdp_desktop.priors.weights import open_weights
from tests.contents import contents

from .conftest import MAKERS, every_format, put_adm, put_diffusers, put_unet, refusal


def published(path: Path, sha256: str = "") -> Known:
    weights = open_weights(path)
    return Known("published", "A published one", path.name, len(weights.shapes),
                 weights.parameters, 1, "research only", "For research only.", sha256)


def flip_the_last_byte(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@every_format
def test_imported_listed_found_and_verified(format: str, given: Path, models: Path) -> None:
    source = MAKERS[format](given)
    before = contents(given)
    heard: list[tuple[int, int]] = []
    info = import_prior(source, on_bytes=lambda done, total: heard.append((done, total)))
    assert contents(given) == before
    assert info.name == name_of(source) and info.format == format
    assert Path(info.path).parent == models and find_prior(info.name) == Path(info.path)
    assert survey().priors == [info] == [describe(find_prior(info.name))]
    assert info.sha256 == sha256_of(open_weights(source).file)
    assert heard[-1][0] == heard[-1][1] == sum(f.stat().st_size for f in open_weights(source).files)
    verdict = verify(find_prior(info.name))
    assert not verdict.problem and verdict.compared_with == "received"
    assert json.loads(json.dumps(asdict(info)))["parameters"] == info.parameters
    assert not [path for path in models.iterdir() if path.name.endswith(".part")]


@every_format
def test_nothing_is_replaced_unless_it_is_asked_for(
    format: str, given: Path, models: Path
) -> None:
    source = MAKERS[format](given)
    import_prior(source)
    before = contents(models)
    assert "already; rename the file" in refusal(import_prior, source)
    assert contents(models) == before
    import_prior(source, overwrite=True)
    assert contents(models) == before


def test_a_prior_of_another_format_is_replaced_too(given: Path, models: Path) -> None:
    import_prior(put_adm(given, "one.pt"))
    shutil.move(put_diffusers(given), given / "one")
    import_prior(given / "one", overwrite=True)
    [info] = survey().priors
    assert (info.name, info.format) == ("one", "diffusers")
    assert {path.name for path in models.iterdir()} == {"one", "one.receipt.json"}


def test_the_program_s_own_are_not_shadowed(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    put_unet(tmp_path / "own", "photo-small.safetensors")
    monkeypatch.setattr(places, "MODEL_FOLDERS", (tmp_path / "own",))
    source = put_adm(given, "photo-small.pt")
    assert "comes with the program" in refusal(import_prior, source, overwrite=True)
    assert [info.is_default for info in survey().priors] == [True]


def test_a_full_disk_leaves_nothing_behind(
    given: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put_diffusers(given)
    import_prior(source)
    before = contents(models)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(importing.os, "fsync", full)
    assert "disk is full" in refusal(import_prior, source, overwrite=True)
    assert contents(models) == before
    monkeypatch.undo()


def test_an_old_prior_stays_where_the_new_one_cannot_be_put(
    given: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, rename = put_adm(given), os.rename
    import_prior(source)
    before = contents(models)

    def not_out_of_a_folder(old: Path, new: Path) -> None:
        if old.parent != models:
            raise OSError(errno.EIO, "Input/output error")
        rename(old, new)

    monkeypatch.setattr(os, "rename", not_out_of_a_folder)
    assert "cannot be written" in refusal(import_prior, source, overwrite=True)
    assert contents(models) == before


def test_a_file_that_changes_while_it_is_copied_is_refused(
    given: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put_adm(given)

    def meanwhile(folder: Path, size: int) -> None:
        flip_the_last_byte(source)

    monkeypatch.setattr(importing, "refuse_full_disk", meanwhile)
    assert "changed while" in refusal(import_prior, source)
    assert contents(models) == {}


def test_an_older_receipt_goes_where_none_can_be_written(
    given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put_adm(given)
    path = Path(import_prior(source).path)
    assert records.received(path)

    def full(*given: object, **options: object) -> None:
        raise PhotoError("The disk is full.")

    monkeypatch.setattr(records, "atomic_write", full)
    import_prior(source, overwrite=True)
    assert records.received(path) == {}


def test_too_little_room_is_noticed_before(
    given: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(given)
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    assert "too full" in refusal(import_prior, put_adm(given))
    assert contents(models) == {}


def test_stopping_leaves_nothing_behind(given: Path, models: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_prior(put_adm(given), on_bytes=stop)
    assert contents(models) == {}


def test_a_folder_that_cannot_be_made(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GDP_MODELS", str(tmp_path / "file" / "models"))
    assert "GDP_MODELS" in refusal(import_prior, put_adm(given))


@every_format
def test_one_flipped_byte_is_found(format: str, given: Path) -> None:
    path = find_prior(import_prior(MAKERS[format](given)).name)
    file = open_weights(path).file
    data = bytearray(file.read_bytes())
    # In the middle of the numbers, the lowest bits of one: still finite.
    data[len(data) // 2 // 4 * 4] ^= 1
    file.write_bytes(data)
    verdict = verify(path)
    assert verdict.compared_with == "" and "not what was received" in verdict.problem


def test_a_changed_description_is_found(given: Path) -> None:
    path = find_prior(import_prior(put_diffusers(given)).name)
    (path / "scheduler_config.json").write_text('{"beta_end": 0.1}')
    assert "scheduler_config.json" in verify(path).problem


def test_what_was_only_put_there_has_no_hash_to_compare(given: Path) -> None:
    verdict = verify(put_unet(given))
    assert not verdict.problem and verdict.compared_with == ""


def test_bad_ones_are_told_beside_the_others(models: Path) -> None:
    models.mkdir()
    put_unet(models, "good.safetensors")
    (models / "bad.pt").write_bytes(b"")
    (models / "notes.txt").write_text("hello")
    found = survey()
    assert [info.name for info in found.priors] == ["good"] == [i.name for i in survey().priors]
    assert len(found.problems) == 1 and "bad.pt" in found.problems[0]


def test_what_the_file_knows_is_listed(given: Path) -> None:
    own, folder = describe(put_unet(given)), describe(put_diffusers(given))
    assert own.validation == {"25": 30.5} and own.training["step"] == 3 and own.licence == ""
    assert folder.licence == "apache-2.0" and folder.window == 32 and folder.stride == 2


class TestPublished:
    @pytest.fixture
    def known(self, given: Path, monkeypatch: pytest.MonkeyPatch) -> Known:
        path = put_adm(given)
        entry = published(path, sha256_of(path))
        monkeypatch.setattr(catalogue, "CATALOGUE", (entry,))
        return entry

    def test_its_terms_are_shown(self, known: Known, given: Path) -> None:
        info = import_prior(given / known.file)
        assert info.terms == known.terms and info.licence == known.licence and info.is_published
        assert verify(Path(info.path)).compared_with == "published"

    def test_one_of_the_same_make_is_under_the_same_terms(
        self, known: Known, given: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalogue, "CATALOGUE", (replace(known, sha256="0" * 64),))
        info = describe((given / known.file).rename(given / "renamed.pt"))
        assert info.terms == known.terms and not info.is_published

    def test_a_damaged_copy_is_refused(
        self, known: Known, given: Path, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalogue, "CATALOGUE", (replace(known, sha256="0" * 64),))
        assert "not the published file" in refusal(import_prior, given / known.file)
        assert "not the published file" in verify(given / known.file).problem
        assert not models.exists()


def test_the_catalogue_is_complete() -> None:
    for known in CATALOGUE:
        assert known.terms.endswith(".") and known.licence and known.home.startswith("https://")
        assert known.name == name_of(Path(known.file))
        assert known.url.startswith("https://")
    assert [known.sha256 for known in CATALOGUE] == [
        "a37c32fffd316cd494cf3f35b339936debdc1576dad13fe57c42399a5dbc78b1",
        "81d535743156ec6be34d8668e6920da94f0614074d7793a16c8fa9e306237faa",
    ]


class TestMemory:
    @pytest.fixture
    def large(self, given: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A prior that is large enough for its digest to be remembered."""
        monkeypatch.setattr(records, "WORTH_REMEMBERING", 10)
        return put_unet(given)

    def test_large_files_are_hashed_once(
        self, large: Path, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        models.mkdir()
        digest = records.digest_of(large)
        assert digest == hashlib.sha256(large.read_bytes()).hexdigest()
        monkeypatch.setattr(records, "sha256_of", lambda file: "hashed again")
        assert records.digest_of(large) == digest
        large.write_bytes(large.read_bytes() + b" ")
        assert records.digest_of(large) == "hashed again"

    def test_a_file_changed_in_place_is_hashed_again(self, large: Path, models: Path) -> None:
        models.mkdir()
        before = records.digest_of(large)
        flip_the_last_byte(large)
        os.utime(large, ns=(0, 0))  # another time, however coarse the clock of the disk is
        assert records.digest_of(large) == sha256_of(large) != before

    def test_without_a_folder_nothing_is_written(self, large: Path, models: Path) -> None:
        assert records.digest_of(large) and not models.exists()

    def test_speed_is_kept_until_the_file_changes(self, given: Path) -> None:
        path = put_unet(given)
        speed = Speed(0.25, 64, "cpu", "float32")
        assert records.speeds_of(path) == ()
        records.remember_speed(path, speed)
        assert records.speeds_of(path) == (speed,) == describe(path).speeds
        path.write_bytes(path.read_bytes() + b" ")
        assert records.speeds_of(path) == ()

    def test_a_processor_and_a_card_have_a_speed_each(self, given: Path) -> None:
        path = put_unet(given)
        slow = Speed(1.0, 64, "cpu", "float32")
        fast, again = (Speed(0.1, 64, card, "float16") for card in ("cuda:1", "cuda"))
        for speed in (slow, fast, again):
            records.remember_speed(path, speed)
        assert records.speeds_of(path) == (slow, again)

    @pytest.mark.parametrize("text", ["", "[", "[]", '{"files": 3}', "null"])
    def test_a_damaged_memory_is_forgotten(self, text: str, models: Path) -> None:
        models.mkdir()
        path = put_unet(models)
        (models / records.MEMORY).write_text(text)
        (models / f"{path.stem}{records.RECEIPT}").write_text(text)
        assert not describe(path).speeds and not verify(path).problem
        records.remember_speed(path, Speed(1.0, 8, "cpu", "float32"))
        assert describe(path).speeds


@pytest.mark.parametrize("platform, variable", [
    ("linux", "XDG_DATA_HOME"), ("win32", "LOCALAPPDATA"), ("darwin", None),
])
def test_where_the_user_s_priors_lie(
    platform: str, variable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GDP_MODELS")
    monkeypatch.setattr(places.sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "data"))
    folder = places.user_folder()
    assert folder.is_relative_to(tmp_path) and folder.parts[-2:] == ("gdp-desktop", "models")
    assert not variable or folder.is_relative_to(tmp_path / "data")


@pytest.mark.parametrize("name", ["face.ckpt", "face.PT", "face"])
def test_a_file_of_any_ending_is_listed_under_its_name(
    name: str, given: Path, models: Path
) -> None:
    source = put_adm(given).rename(given / name)
    info = import_prior(source)
    assert info.name == "face" and find_prior("face") == Path(info.path)
    assert verify(find_prior("face")).compared_with == "received"
    assert "already; rename the file" in refusal(import_prior, source)
    other = source.rename(given / name.replace("face", "FACE"))
    assert "already; rename the file" in refusal(import_prior, other)
    assert len([path for path in models.iterdir() if name_of(path) == "face"]) == 1
