"""Files that are written whole or not at all: what the killed left is taken over, what belongs to others is not."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from leaderboard.site import Site
from suite import files
from suite.running.scratch import Scratch

KILLED = """
import os, signal, sys
from pathlib import Path
from suite import files
from suite.running.scratch import Scratch
files.write(Path(sys.argv[1]), b"old")
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
files.write(Path(sys.argv[1]), b"new" * 100_000)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_left_is_gone_after_the_next(tmp_path):
    for _ in range(3):
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "x.row")], check=False)
        assert (tmp_path / "x.row").read_bytes() == b"old"
        assert len(names(tmp_path)) == 2
    files.write(tmp_path / "x.row", b"new")
    assert names(tmp_path) == ["x.row"]
    assert (tmp_path / "x.row").read_bytes() == b"new"


def test_writers_at_once_leave_one_whole_file_and_nothing_else(tmp_path):
    contents = [bytes([number]) * 50_000 for number in range(8)]

    def write(content: bytes) -> None:
        for _ in range(30):
            files.write(tmp_path / "x.row", content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["x.row"]
    assert (tmp_path / "x.row").read_bytes() in contents


def test_what_a_killed_build_left_is_gone_with_the_next_that_need_not_write_it(tmp_path):
    site = Site(tmp_path)
    site.file("pages/x.html", b"as it is")
    site.file("pages/old.html", b"soon gone")
    site.finish()
    for name in ("x.writing.tmp", "old.writing.tmp", "another.writing.tmp"):
        (tmp_path / "pages" / name).write_text("half a pa")
    with open(tmp_path / "pages/old.writing.tmp", "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # somebody writes it now
        again = Site(tmp_path)
        again.file("pages/x.html", b"as it is")
        again.finish()
    assert again.written == []
    assert names(tmp_path / "pages") == ["another.writing.tmp", "old.writing.tmp", "x.html"]


@pytest.mark.parametrize("kind", ["hard link", "link", "folder", "pipe", "held"])
def test_a_temporary_name_that_is_taken_is_left_alone(tmp_path, kind):
    victim, taken = tmp_path / "victim", tmp_path / "x.writing.tmp"
    victim.write_text("mine")
    if kind == "hard link":
        taken.hardlink_to(victim)
    elif kind == "link":
        taken.symlink_to(victim)
    elif kind == "folder":
        taken.mkdir()
    elif kind == "pipe":
        os.mkfifo(taken)
    with open(victim if kind != "held" else taken, "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        files.write(tmp_path / "x.row", b"new")
    assert names(tmp_path) == ["victim", "x.row", "x.writing.tmp"]
    assert victim.read_text() == "mine"
    assert (tmp_path / "x.row").read_bytes() == b"new"


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)]
)
def test_a_lock_is_a_file_of_its_own_and_nobody_waits_for_it_to_be_written(tmp_path, make):
    make(tmp_path / "x.lock")
    for _ in range(2):
        with files.lock_file(tmp_path / "x.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert names(tmp_path) == ["x.lock", "x.lock.rejected"]


def test_where_there_are_no_locks_nothing_is_left_either(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    for content in (b"old", b"new"):
        files.write(tmp_path / "x.row", content)
        assert names(tmp_path) == ["x.row"]
        assert (tmp_path / "x.row").read_bytes() == content


def test_temporary_folders_of_runs_that_were_killed_at_any_instant_are_gone_with_the_next(tmp_path):
    (tmp_path / "weighbridge-run-early").mkdir()
    (tmp_path / "weighbridge-run-late").mkdir()
    (tmp_path / "weighbridge-run-late" / "in-use").touch()
    (tmp_path / "weighbridge-run-late" / "1").mkdir()
    with_lock = Scratch(tmp_path)
    assert names(tmp_path) == [with_lock.path.name]
    other = Scratch(tmp_path)
    assert len(names(tmp_path)) == 2
    other.remove()
    with_lock.remove()
    assert names(tmp_path) == []
