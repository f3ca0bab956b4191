import errno
import os
from pathlib import Path

import pytest

from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.files import find_photos, free_path, mask_path, result_path

from .conftest import raising


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names_in(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in find_photos([folder])]


def test_files_come_as_given(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a.png", "notes.txt", "c-restored.jpg", ".hidden.jpg")
    given = [tmp_path / name for name in ("notes.txt", "b.jpg", "c-restored.jpg", ".hidden.jpg")]
    assert find_photos([*given, tmp_path]) == [*given, tmp_path / "a.png"]
    assert find_photos(str(path) for path in given) == given
    assert find_photos([]) == []


def test_folders_are_walked_in_order(tmp_path: Path) -> None:
    kept = ["A.JPG", "a.jpeg", "b.png", "c.tif", "c.tiff", "d.webp", "sub/1.jpg", "sub2/x/2.jpg"]
    touch(tmp_path, *reversed(kept))
    touch(tmp_path, "e.gif", "f.txt", "g", ".jpg", ".h.jpg", ".cache/i.jpg")
    assert names_in(tmp_path) == kept


def test_our_own_results_are_passed_over(tmp_path: Path) -> None:
    results = ["a-restored.jpg", "a-restored-2.png", "a-restored-13.tif", "a-RESTORED.JPG",
               "a-restored-s2.jpg", "a-restored-s2-3.jpg", "a-restored.kernel.png",
               "a-restored-2.hdr.tif", "a-restored-s2.hdr-2.tif"]
    others = ["a-restored-old.jpg", "restored.jpg", "unrestored.jpg"]
    touch(tmp_path, *results, *others)
    assert names_in(tmp_path) == others


def test_the_mask_of_a_photo_is_no_photo(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a-mask.png", "b-mask.png", "c-mask.jpg", "c.png", "sub/a-mask.png")
    assert mask_path(tmp_path / "a.jpg") == tmp_path / "a-mask.png"
    assert names_in(tmp_path) == ["a.jpg", "b-mask.png", "c-mask.jpg", "c.png", "sub/a-mask.png"]
    assert find_photos([tmp_path / "a-mask.png"]) == [tmp_path / "a-mask.png"]


def test_what_is_written_is_never_found_again(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "n" * 251 + ".png")
    before = find_photos([tmp_path])
    for photo in before:
        for _ in range(3):
            free_path(result_path(photo)).touch()
    assert find_photos([tmp_path]) == before and len(os.listdir(tmp_path)) == 8


def test_links_that_lead_back_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(".")
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    (tmp_path / "same.jpg").symlink_to("a/1.jpg")
    looked, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(path) or scandir(path))
    assert {Path(name).name for name in names_in(tmp_path)} == {"same.jpg", "2.jpg"}
    assert len(looked) < 8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_only_ordinary_files_are_found(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "folder.jpg/b.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert names_in(tmp_path) == ["a.jpg", "folder.jpg/b.jpg"]


def test_missing_and_empty_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "album/notes.txt", "album/a-restored.jpg")
    with pytest.raises(PhotoError, match=r"^gone\.jpg does not exist"):
        find_photos([tmp_path / "gone.jpg"])
    with pytest.raises(PhotoError, match="folder album holds no photos"):
        find_photos([tmp_path / "album"])


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", raising(errno.EACCES))
    with pytest.raises(PhotoError, match="may not be read"):
        find_photos([tmp_path])


def test_results_lie_beside_the_source_or_where_told() -> None:
    assert result_path("/x/a.b.JPG") == Path("/x/a.b-restored.JPG")
    assert result_path("/x/a.jpg", "/y") == Path("/y/a-restored.jpg")
    assert result_path("/x/a.gif") == Path("/x/a-restored.png")
    assert result_path("a") == Path("a-restored.png")


@pytest.mark.parametrize("letter", ["n", "ж", "写", "📷", os.fsdecode(b"\xff")])
def test_long_names_are_cut_to_what_a_file_system_takes(tmp_path: Path, letter: str) -> None:
    width = len(os.fsencode(letter))
    source = tmp_path / (letter * (251 // width) + ".jpg")
    source.touch()
    first = result_path(source)
    first.touch()
    second = free_path(first)
    second.touch()
    assert len({source, first, second}) == 3 and second.stem.endswith("-restored-2")
    assert first.name.startswith(letter * 40)


def test_free_path_counts_up(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert free_path(path) == path
    touch(tmp_path, "a.jpg", "a-2.jpg")
    (tmp_path / "a-3.jpg").symlink_to("nowhere")
    assert free_path(path) == tmp_path / "a-4.jpg"


def test_an_empty_name_is_not_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PhotoError, match="empty name"):
        find_photos([""])
    assert find_photos(["."]) == [Path("a.png")]
