"""Claims judged on stored rows, and remembered for as long as nothing that decides them changes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from suite import cards, files, stored
from suite.discovery import Catalogue, claims_files
from suite.keys import code_hash, digest
from suite.paths import cache_root
from suite.planning import Cell
from suite.results.catalog import ClaimCard
from suite.results.index import Index
from suite.results.store import ResultStore
from suite.sources import Sources


def judged(
    scanned: Catalogue, cells: Sequence[Cell], store: ResultStore, profile: str, methods: Collection[str]
) -> list[ClaimCard]:
    """The verdicts on the claims of `methods`.

    Args:
        scanned: the methods and their claims.
        cells: the profile's plan, which tells current rows from stale ones.
        store: where the rows are.
        profile: whose rows.
        methods: names of the methods whose claims are judged.
    """
    keys = cards.stale_keys(cells)
    identity = digest(
        {
            "rows": Index(store, profile).digest,
            "keys": keys,
            "code": _code(scanned, methods),
            "profile": profile,
        }
    )
    file = cache_root() / "claims" / f"{profile}-{identity[:32]}.verdicts"
    if (kept := stored.read(file, identity)) is not None:
        return [ClaimCard.model_validate(card) for card in kept]
    from suite.claims import evaluate

    declared = [(name, claim) for name, claim in cards.claims(scanned) if name in methods]
    verdicts = evaluate(declared, store.read(profile).rows, profile, keys)
    for older in file.parent.glob(f"{profile}-*"):  # the last verdicts of a profile are enough
        files.remove(older)
    stored.write(file, identity, [verdict.model_dump(mode="json") for verdict in verdicts])
    return verdicts


def _code(scanned: Catalogue, methods: Collection[str]) -> list[str]:
    """Hashes of what judges and of the files that declare the claims."""
    sources = Sources()
    here = Path(__file__).resolve().parent
    hashes = [code_hash(sources, here / "claims.py", here)]
    sources.save()
    chosen = [found for name, found in sorted(scanned.methods.items()) if name in methods]
    declaring = {file for found in chosen if not found.origin.pickled for file in claims_files(found.file)}
    # A method without a file declares claims that no file tells apart: they are told by their text.
    texts = [
        [(c.statement, c.source, c.threshold_by, c.why) for c in found.cls.claims]
        for found in chosen
        if found.origin.pickled
    ]
    return [*hashes, digest(texts), *(hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(declaring))]
