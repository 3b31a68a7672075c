"""What is written to stdout and stderr arrives, or its loss is one line: other encodings, full disks, closed pipes."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from contextlib import suppress
from typing import NoReturn

from rich.console import Console
from rich.text import Text

LOST = "the output could not be written"
_OF_WRITING = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG)

_PLAIN = {
    "×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "✔": "ok", "✘": "no", "•": "*", "≥": ">=", "≤": "<=", "±": "+-",
    "²": "2", "⁴": "4", "Δ": "delta", "→": "->", "↑": "higher", "↓": "lower", "’": "'", "é": "e", "ï": "i",
}  # fmt: skip


def prepare() -> None:
    """Let streams of other encodings than UTF-8 write the nearest they have, instead of failing.

    A stream that is closed (``>&-``) leads nowhere: no other file may get its number.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "w" if number else "r"))
    codecs.register_error("weighbridge", _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="weighbridge")


def _nearest(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lost), error.end


def stop(code: str | int | None, message: str | None = None) -> NoReturn:
    """End the process with an exit code, and a line on stderr.

    What was printed is flushed here, where a full disk can still be told, and not while the interpreter shuts down.
    """
    status = code if isinstance(code, int) else 0 if code is None else 1
    if isinstance(code, str):
        message = code
    try:
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            message = message or f"error: {LOST}: {error.strerror or error}"
        status = status or 1
        _silence()
    if message is not None:
        with suppress(OSError):
            _say(message)
    sys.exit(status)


def _say(message: str) -> None:
    kind, colon, rest = message.partition(":")
    text = Text.assemble((f"{kind}:", "bold red"), rest) if colon and kind == "error" else Text(message)
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)


def _silence() -> None:
    """Send what is left in stdout's buffer nowhere: Python would try to write it once more on its way out."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def described(error: OSError) -> str:
    """What the system says, with the file it says it of; of a stream there is no name."""
    what = error.strerror or str(error) or type(error).__name__
    if error.filename:
        return f"{error.filename}: {what}"
    return f"{LOST}: {what}" if error.errno in _OF_WRITING else what
