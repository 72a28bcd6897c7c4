"""Photos by content: what goes in comes out, and no name leads out of the folder."""

import hashlib
from pathlib import Path

import pytest

from service.catalogue.photos import PhotoStore
from service.errors import InputError, NotFoundError


def test_what_goes_in_comes_out_under_its_sha256(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path / "photos")
    sha256 = store.put(b"a photo")
    assert sha256 == hashlib.sha256(b"a photo").hexdigest()
    assert store.get(sha256) == b"a photo"
    assert store.path(sha256) == tmp_path / "photos" / sha256[:2] / sha256


def test_putting_twice_writes_once_and_leaves_no_partial_file(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path)
    path = store.path(store.put(b"a photo"))
    written = path.stat().st_mtime_ns
    store.put(b"a photo")
    assert path.stat().st_mtime_ns == written
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [path.name]


def test_a_photo_cut_short_by_a_crash_is_written_again(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path)
    sha256 = store.put(b"a photo")
    store.path(sha256).write_bytes(b"a ph")
    store.put(b"a photo")
    assert store.get(sha256) == b"a photo"


def test_an_unknown_photo_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="0000"):
        PhotoStore(tmp_path).get("0" * 64)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "０" * 64])
def test_only_64_hex_digits_name_a_photo(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="64"):
        PhotoStore(tmp_path).get(name)
