"""Writing a site: pages from templates, data as scripts, and only what has changed since the last time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import jinja2

from leaderboard.text import clean, formatted, plural, script_json, slug
from leaderboard.unchanged import stamp
from suite import files, stored

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
ASSETS = "_assets"
BUILD = "_build"
"""Neither can be the name of a profile's folder: `slug` never begins with an underscore."""


def digest(*parts: bytes | str) -> str:
    """Short hash of some content."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part)
        state.update(b"\0")
    return state.hexdigest()[:24]


def plain_json(value: Any) -> str:
    """JSON text of a page's context, for its digest."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)


Context = Mapping[str, Any]

_METHODS = (BuiltinMethodType, FunctionType, MethodType)


def _printable(value: Any) -> Any:
    """What a template prints; a method is never meant: ``row.items`` finds the dict's own before its key."""
    if isinstance(value, _METHODS):
        raise TypeError(f"a template prints {value!r}")
    return value


class Site:
    """A folder of pages; files whose content would not change are left alone, and those nobody writes any more go."""

    def __init__(self, out: Path, outputs: str = "") -> None:
        """Write into `out`; `outputs` is the `stamp` after the earlier build, where it is known."""
        self.out = out
        self._manifest = out / BUILD / "manifest.json"
        self._before = self._read_manifest()
        self._untouched = bool(outputs) and self.stamp() == outputs
        self._now: dict[str, str] = {}
        self.written: list[str] = []

    @cached_property
    def documentation(self) -> str | None:
        """Where the documentation is from here: built into the site, else as the checkout around it has it; or None."""
        places = ("docs/index.html", "../docs/index.md")
        return next((place for place in places if (self.out / place).is_file()), None)

    @cached_property
    def _environment(self) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.finalize = _printable
        environment.filters.update(clean=clean, slug=slug, number=formatted, plural=plural)
        return environment

    @cached_property
    def _look(self) -> str:
        """Digest of all templates: a page is rendered again when any of them changed."""
        return digest(*(path.read_bytes() for path in sorted(TEMPLATES.glob("*.j2"))))

    def page(self, path: str, template: str, frame: Mapping[str, Any], mark: str, ask: Callable[[], Context]) -> None:
        """Render a page, unless its template and data are what they were.

        Args:
            path: the page.
            template: its template.
            frame: what stands around its content: title, profiles, links.
            mark: digest of all that its content depends on.
            ask: makes the content, which is asked for only where it is needed.
        """

        def render() -> bytes:
            up = "../" * path.count("/")
            text = self._environment.get_template(template).render({**ask(), **frame, "assets": f"{up}{ASSETS}/"})
            return text.encode("utf-8", "backslashreplace")

        self.made(path, digest(self._look, template, plain_json(frame), mark), render)

    def data(self, path: str, kind: str, name: str, mark: str, ask: Callable[[], Any]) -> None:
        """Write a script that hands what `ask` returns to `weighbridge.put(kind, name, …)`, unless `mark` is known."""

        def make() -> bytes:
            text = f"weighbridge.put({script_json(kind)},{script_json(name)},{script_json(ask())});\n"
            return text.encode()

        self.made(path, mark, make)

    def remembered(self, name: str, mark: str, ask: Callable[[], Any]) -> Any:
        """What an earlier build kept under this name and mark, or what `ask` returns now, as JSON has it.

        Args:
            name: a name that no other value of the build has.
            mark: digest of all that the value depends on.
            ask: makes it.
        """
        path = f"{BUILD}/{name}"
        kept = stored.read(self.out / path, name)
        if not kept or kept["mark"] != mark:
            kept = {"mark": mark, "value": plain_json(ask()).encode()}
            stored.write(self.out / path, name, kept)
        self._now[path] = mark
        return json.loads(kept["value"])

    def file(self, path: str, content: bytes) -> None:
        """Write a file as it is."""
        self.made(path, digest(content), lambda: content)

    def made(self, path: str, mark: str, make: Callable[[], bytes]) -> None:
        """Write what `make` returns, unless the file on disk is still what was made with the same mark."""
        if path in self._now:
            raise ValueError(f"{path} would be written twice")
        known, _, content = self._before.get(path, "").rpartition(" ")
        if known != mark or not (self._untouched or self._digest_of(path) == content):
            content = self._write(path, make())
        self._now[path] = f"{mark} {content}"

    def finish(self) -> list[str]:
        """Remove what an earlier build wrote and this one did not, and store the manifest; returns what was removed."""
        gone = [path for path in self._before if path not in self._now]
        for path in gone:
            files.remove(self.out / path)
        for path in (*gone, *self._now):
            files.remove_left(self.out / path)  # a build may have been killed while it wrote what is not written now
        gone = [path for path in gone if not path.startswith(f"{BUILD}/")]
        self._manifest.parent.mkdir(parents=True, exist_ok=True)
        files.write(self._manifest, json.dumps(self._now, indent=0, sort_keys=True).encode(), ours=True)
        return gone

    def stamp(self) -> str:
        """Names, sizes and times of the files of the earlier build as they lie on disk."""
        return stamp(self.out / path for path in sorted(self._before))

    def size(self) -> int:
        """Bytes of all files of the site."""
        return sum((self.out / path).stat().st_size for path in self.paths())

    def paths(self) -> list[str]:
        """Every file that a reader may ask for, relative to the site's folder."""
        return sorted(path for path in self._now if not path.startswith(f"{BUILD}/"))

    def _digest_of(self, path: str) -> str | None:
        """Digest of a file as it lies on disk; None where there is none."""
        try:
            return digest(bytes(files.read(self.out / path)))
        except OSError:
            return None

    def _write(self, path: str, content: bytes) -> str:
        """Write a file, and return the digest of its content."""
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write(target, content, ours=True)
        self.written.append(path)
        return digest(content)

    def _read_manifest(self) -> dict[str, str]:
        try:
            found = json.loads(files.read(self._manifest))
        except (OSError, ValueError):
            return {}
        within = self.out.resolve()
        return {
            path: mark
            for path, mark in (found.items() if isinstance(found, dict) else ())
            if isinstance(mark, str) and (self.out / path).resolve().is_relative_to(within)
        }
