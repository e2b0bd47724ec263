"""Downloads and archives: the cache, hashes, what hostile archives hold (tests of `utils.get_file`)."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from ckeras.utils import archives, get_file


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def url(path):
    return path.resolve().as_uri()


def test_a_file_is_fetched_once(tmp_path, home, capsys):
    source = tmp_path / "data.csv"
    source.write_text("1,2")
    path = get_file(origin=url(source))
    assert path == str(home / "datasets" / "data.csv")
    source.write_text("3,4")
    assert Path(get_file(origin=url(source))).read_text() == "1,2"
    assert Path(get_file(origin=url(source), force_download=True)).read_text() == "3,4"
    assert get_file("other.csv", url(source), cache_subdir="models", cache_dir=tmp_path / "c") == str(
        tmp_path / "c" / "models" / "other.csv"
    )


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_the_hash_is_checked(tmp_path, home, algorithm):
    source = tmp_path / "data.bin"
    source.write_bytes(b"right")
    right = hashlib.new(algorithm, b"right").hexdigest()
    assert get_file(origin=url(source), file_hash=right, hash_algorithm=algorithm)
    cached = home / "datasets" / "data.bin"
    cached.write_bytes(b"changed on disk")
    with pytest.warns(UserWarning, match="downloading it again"):
        get_file(origin=url(source), file_hash=right.upper())
    assert cached.read_bytes() == b"right"
    with pytest.raises(ValueError, match="does not have the hash"), pytest.warns(UserWarning):
        get_file(origin=url(source), file_hash="0" * len(right))
    assert not cached.exists()


def test_md5_hash_is_the_older_name(tmp_path, home):
    source = tmp_path / "data.bin"
    source.write_bytes(b"right")
    with pytest.raises(ValueError, match="does not have the hash"):
        get_file(origin=url(source), md5_hash="0" * 32)
    assert get_file(origin=url(source), md5_hash=hashlib.md5(b"right").hexdigest())


def test_a_failed_download_says_what_to_do_and_leaves_nothing(tmp_path, home):
    with pytest.raises(OSError, match=r"put the file at .*gone.txt yourself"):
        get_file(origin=url(tmp_path / "gone.txt"))
    assert list((home / "datasets").iterdir()) == []


@pytest.mark.parametrize("name", ["a/b", "a\\b", "..", "."])
def test_names_have_no_folders(tmp_path, home, name):
    with pytest.raises(ValueError, match="without folders"):
        get_file(name, url(tmp_path / "x"))


@pytest.mark.parametrize("link", ["https://x.org/", "https://x.org", "https://x.org/a%5C/.."])
def test_a_url_without_a_name_is_refused(home, link):
    with pytest.raises(ValueError, match="without folders"):
        get_file(origin=link)
    with pytest.raises(ValueError, match="origin"):
        get_file("name")


def tar_of(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                info.type, info.linkname = content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_archives_are_unpacked(tmp_path, home, make):
    source = tmp_path / "things.pack"
    make(source, [("top/a.txt", b"A"), ("top/deep/b.txt", b"B")])
    folder = get_file(origin=url(source), extract=True)
    assert folder == str(home / "datasets" / "things_extracted")
    assert Path(folder, "top", "deep", "b.txt").read_text() == "B"
    folder = get_file("mine", url(source), extract=True)
    assert folder == str(home / "datasets" / "mine") and os.path.isdir(folder)


def test_another_format_is_refused(tmp_path, home):
    source = tmp_path / "x.zip"
    zip_of(source, [("a", b"A")])
    with pytest.raises(ValueError, match="not an archive of the format 'tar'"):
        get_file(origin=url(source), untar=True)
    with pytest.raises(ValueError, match="archive_format must be"):
        get_file(origin=url(source), extract=True, archive_format="rar")


ESCAPES = ["../evil", "a/../../evil", "/evil", "..\\evil", "C:/evil", "../things_extracted_evil/x"]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_s12_no_member_leaves_the_folder(tmp_path, monkeypatch, make, name):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    source = tmp_path / "x.pack"
    make(source, [("good", b"G"), (name, b"E")])
    with pytest.raises(ValueError, match="would lie outside"):
        archives.extract(source, str(tmp_path / "out"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "x.pack"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("to", ["/etc/passwd", "good"])
def test_s12_no_links_and_devices(tmp_path, kind, to):
    source = tmp_path / "x.tar"
    tar_of(source, [("good", b"G"), ("bad", (kind, to)), ("bad/inside", b"E")], "w")
    with pytest.raises(ValueError, match="only files and folders"):
        archives.extract(source, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_s12_no_links_in_zip(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ValueError, match="is a link"):
        archives.extract(tmp_path / "x.zip", str(tmp_path / "out"))


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_s10_bombs_are_refused(tmp_path, monkeypatch, make):
    monkeypatch.setattr(archives, "_FLOOR", 1 << 20)
    source = tmp_path / "x.pack"
    make(source, [("zeros", bytes(32 << 20))])
    with pytest.raises(ValueError, match="far more than its size"):
        archives.extract(source, str(tmp_path / "out"))
    assert [p.name for p in tmp_path.iterdir()] == ["x.pack"]


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_damaged_archives(tmp_path, make):
    source = tmp_path / "x.pack"
    make(source, [("a", os.urandom(5000)), ("b", os.urandom(5000))])
    whole = source.read_bytes()
    for size in (len(whole) // 3, len(whole) // 2):
        source.write_bytes(whole[:size])
        try:
            assert archives.extract(source, str(tmp_path / "out")) is False
        except ValueError as e:
            assert "damaged" in str(e)
        assert not (tmp_path / "out").exists()


def test_what_was_there_is_replaced_only_by_a_whole_archive(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    zip_of(tmp_path / "bad.zip", [("new", b"N"), ("../evil", b"E")])
    with pytest.raises(ValueError):
        archives.extract(tmp_path / "bad.zip", str(out))
    assert (out / "old").exists()
    zip_of(tmp_path / "good.zip", [("new", b"N")])
    assert archives.extract(tmp_path / "good.zip", str(out), ["zip"])
    assert [p.name for p in out.iterdir()] == ["new"]
