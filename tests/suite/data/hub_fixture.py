"""Hub repositories of a test: as a cache folder in the library's layout, and behind a server on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = """---
configs:
- config_name: corpus
  data_files: [{split: test, path: corpus.jsonl}]
- config_name: queries
  data_files: [{split: test, path: queries.jsonl}]
- config_name: default
  data_files: [{split: test, path: judged.jsonl}]
---
"""


def lines(*records: dict) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


RETRIEVAL = {
    "README.md": CARD.encode(),
    "corpus.jsonl": lines(
        {"_id": "a b", "title": "Cats", "text": "They sleep."},
        {"_id": "2", "title": "", "text": " Dogs bark. "},
        {"_id": "q2", "title": "", "text": "Birds sing."},
    ),
    "queries.jsonl": lines(
        {"_id": "q1", "text": "who sleeps"}, {"_id": "q2", "text": "who sings"}, {"_id": "q3", "text": "unjudged"}
    ),
    "judged.jsonl": lines(
        {"query-id": "q1", "corpus-id": "a b", "score": 2},
        {"query-id": "q2", "corpus-id": "2", "score": 1},
        {"query-id": "gone", "corpus-id": "2", "score": 1},
    ),
}


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def listing(files: dict[str, bytes]) -> dict:
    """What the tree of a commit says of its files; the last one is large, for all that it knows."""
    tree = {name: {"size": len(content), "blob_id": git_sha1(content)} for name, content in files.items()}
    last = max(files)
    tree[last] |= {"lfs_sha256": hashlib.sha256(files[last]).hexdigest(), "lfs_size": len(files[last])}
    return tree


def blob_name(info: dict) -> str:
    return info.get("lfs_sha256") or info["blob_id"]


def write_cache(
    cache: Path, repository: str, files: dict[str, bytes], commit: str = COMMIT, *, tree: bool = True, kind="dataset"
) -> Path:
    """Write a snapshot as the Hub's library leaves it; returns the folder of the snapshot."""
    root = cache / f"{kind}s--{repository.replace('/', '--')}"
    infos = listing(files)
    for name, content in files.items():
        blob, link = root / "blobs" / blob_name(infos[name]), root / "snapshots" / commit / name
        for folder in (blob.parent, link.parent):
            folder.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if tree:
        (root / "trees").mkdir(exist_ok=True)
        (root / "trees" / f"{commit}.json").write_text(json.dumps({"format_version": 1, "files": infos}))
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    return root / "snapshots" / commit


class Hub(ThreadingHTTPServer):
    """A Hub on this machine.

    Attributes:
        repositories: name → commit → files.
        gated: names that ask for terms.
        cut: paths of which only the first half is sent, once.
        asked: (path, Range header) of every request for content.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.plain: dict[str, bytes] = {}
        self.gated: set[str] = set()
        self.cut: set[str] = set()
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def refuse(self, code: int, error: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", error)
        self.send_header("X-Error-Message", error)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        parts = path.strip("/").split("/")
        if path in self.server.plain:
            return self.content(path, self.server.plain[path], {}, body)
        if parts[:2] == ["api", "datasets"]:
            name, action, commit = "/".join(parts[2:4]), *(parts[4:6] if len(parts) > 5 else ("revision", "main"))
        elif parts[0] == "datasets":
            name, action, commit = "/".join(parts[1:3]), parts[3], parts[4]
        else:
            return self.refuse(404, "RepoNotFound")
        if name in self.server.gated:
            return self.refuse(403, "GatedRepo")
        commits = self.server.repositories.get(name)
        if commits is None:
            return self.refuse(401, "RepoNotFound")
        commit = next(iter(commits)) if commit == "main" else commit
        if commit not in commits:
            return self.refuse(404, "RevisionNotFound")
        files = commits[commit]
        infos = listing(files)
        if action == "tree":
            entries = []
            for file, info in infos.items():
                entry = {"type": "file", "path": file, "size": info["size"], "oid": info["blob_id"]}
                if "lfs_sha256" in info:
                    entry["lfs"] = {"oid": info["lfs_sha256"], "size": info["size"], "pointerSize": 130}
                entries.append(entry)
            return self.content(path, json.dumps(entries).encode(), {"Content-Type": "application/json"}, body)
        if action == "revision":
            return self.content(path, json.dumps({"id": name, "sha": commit}).encode(), {}, body)
        file = "/".join(parts[5:])
        headers = {"ETag": f'"{blob_name(infos[file])}"', "X-Repo-Commit": commit}
        return self.content(path, files[file], headers, body)

    def content(self, path: str, content: bytes, headers: dict[str, str], body: bool) -> None:
        wanted = self.headers.get("Range") if body else None
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        if start >= len(content) and start:
            self.refuse(416, "RangeNotSatisfiable")
            return
        if body:
            self.server.asked.append((path, wanted))
        sent = content[start:]
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if body:
            if path in self.server.cut:
                self.server.cut.discard(path)
                sent = sent[: len(sent) // 2]
                self.close_connection = True
            self.wfile.write(sent)


@contextmanager
def serving() -> Iterator[Hub]:
    """A Hub that answers for as long as the test runs."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
