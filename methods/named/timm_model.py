"""Any model of timm by name: the features before its classifier, of images prepared as it was trained.

timm needs torchvision, which must fit the torch that is installed: where there is none, or another one, rows are
skipped with that reason.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from suite import devices
from suite.method import Modality, Role
from suite.model_folder import FolderWeights
from suite.named import HubWeights, NamedMethod, fits
from suite.representations import Dense

AT_ONCE = 32


class TimmWeights(HubWeights):
    """Weights that need torchvision to be used at all."""

    def missing(self) -> str | None:
        """Why the model cannot be used here."""
        return fits("torchvision", "torch") or super().missing()


class TimmFolder(FolderWeights):
    """The same in a folder."""

    def missing(self) -> str | None:
        """Why the model cannot be used here."""
        return fits("torchvision", "torch") or super().missing()


class TimmModel(NamedMethod):
    """An image model of timm, as published; its pooled features are compared by cosine."""

    prefix = "timm"
    summary = "An image model of timm by name; the pooled features before its classifier."
    modality = Modality.IMAGE
    tags = ("pretrained", "by name")
    requires = ("torch", "timm", "torchvision")
    described_by = ("config.json",)
    folder_weights = TimmFolder

    @classmethod
    def full_name(cls, model: str) -> str:
        """A name without an organisation is one of timm's own."""
        return model if "/" in model else f"timm/{model}"

    @classmethod
    def weights_of(cls, model: str, revision: str) -> TimmWeights:
        """The Hub's snapshot, if torchvision can be used."""
        return TimmWeights(model, revision)

    def encode(self, items: np.ndarray, role: Role) -> Dense:
        """(n, d) float32 features of (n, h, w[, 3]) uint8 images."""
        import torch
        from PIL import Image

        model, prepare = load(str(self.pretrained[0].folder()), devices.name())

        def features(images: np.ndarray) -> np.ndarray:
            prepared = torch.stack([prepare(Image.fromarray(image).convert("RGB")) for image in images])
            return model(prepared.to(devices.current())).float().cpu().numpy()

        with torch.inference_mode():
            blocks = (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))
            return Dense(np.concatenate([part for b in blocks for _, part in devices.in_parts(b, features)]))


@lru_cache(maxsize=1)
def load(folder: str, device: str) -> tuple[Any, Any]:
    """The model without its classifier on a device, in evaluation mode, and the preparation of its images."""
    import timm

    model = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    settings = timm.data.resolve_model_data_config(model)
    return model.to(device), timm.data.create_transform(**settings, is_training=False)
