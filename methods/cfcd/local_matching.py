"""Matches between the local descriptors of two images, and the triplet loss that pulls them together."""

from __future__ import annotations

import torch
from torch.nn import functional

ATTENDED = 0.5
LOWE_RATIO = 0.9
MARGIN = 0.1


def local_descriptors(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, positions, channels) normalised descriptors and (n, positions) attention Σ|f| of (n, channels, h, w) maps."""
    flat = maps.float().flatten(2).transpose(1, 2)
    return functional.normalize(flat, dim=2), flat.abs().sum(2)


def matches(anchor: torch.Tensor, positive: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """Pairs of positions of an anchor and its positive that show the same.

    Args:
        anchor: (positions, d) normalised.
        positive: (positions, d) normalised.
        attention: (positions,) of the positive; the half with most of it can match.

    Returns:
        (pairs, 2) positions, anchor's first: reciprocal nearest neighbours where the distance to the anchor's
        descriptor is at most `LOWE_RATIO` of that to the anchor's second nearest.
    """
    distances = torch.cdist(positive, anchor)
    attended = attention.topk(max(1, int(ATTENDED * len(attention)))).indices
    nearest, places = distances.topk(2, dim=1, largest=False)
    back = distances.argmin(dim=0)
    kept = [
        row
        for row in attended.tolist()
        if back[places[row, 0]] == row and nearest[row, 0] <= LOWE_RATIO * nearest[row, 1]
    ]
    chosen = torch.tensor(kept, dtype=torch.long, device=places.device)
    return torch.stack([places[chosen, 0], chosen], 1)


def local_loss(maps: torch.Tensor, group: int) -> torch.Tensor:
    """Mean over matches and negatives of [d⁺ − d⁻ + margin]₊, and then over groups; one without a match counts 0.

    The paper sums them. On maps of few positions the sum, of up to 48 terms a group, outweighs the loss over classes.

    Args:
        maps: (n, channels, h, w), group after group: an anchor, a positive, negatives.
        group: images of a group.
    """
    descriptors, attention = local_descriptors(maps)
    total = descriptors.new_zeros(())
    for start in range(0, len(maps), group):
        anchor, positive, negatives = descriptors[start], descriptors[start + 1], descriptors[start + 2 : start + group]
        with torch.no_grad():
            pairs = matches(anchor, positive, attention[start + 1])
        if len(pairs) == 0:
            continue
        own = anchor[pairs[:, 0]]
        near = (own - positive[pairs[:, 1]]).norm(dim=1)
        # The nearest descriptor of every negative, one per match.
        far = torch.cdist(own[None], negatives).min(dim=2).values
        total = total + (near - far + MARGIN).clamp_min(0).mean()
    return total / (len(maps) // group)
