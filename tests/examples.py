"""The files that the pages of docs/jobs name, small and made up: what a user would bring."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

ANIMALS = ("cat", "dog", "horse", "cow", "lion", "tiger", "whale", "shark", "eagle", "owl", "ant", "bee")


def write(folder: Path) -> Path:
    """Fill a folder with one example of everything; return it."""
    _corpus(folder / "my-corpus")
    pairs = [f"a {name};the {name}s;{number / 2}" for number, name in enumerate(ANIMALS)]
    (folder / "pairs.csv").write_text("\n".join(["sentence1;sentence2;score", *pairs]))
    _photos(folder / "photos")
    (folder / "texts").mkdir()
    for name in ANIMALS[:3]:
        (folder / "texts" / f"{name}.txt").write_text(f"The {name} sleeps. " * 40)
    generator = np.random.default_rng(0)
    np.save(folder / "documents.npy", generator.normal(size=(500, 32)).astype(np.float32))
    np.save(folder / "queries.npy", generator.normal(size=(20, 32)).astype(np.float32))
    _model(folder / "my-model")
    return folder


def _corpus(folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{i}", "title": name, "text": f"The {name} sleeps."} for i, name in enumerate(ANIMALS)]
    queries = [{"_id": f"q{i}", "text": f"where is the {name}"} for i, name in enumerate(ANIMALS)]
    for name, records in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(len(ANIMALS)))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")


def _photos(folder: Path) -> None:
    from PIL import Image

    generator = np.random.default_rng(0)
    for channel, name in enumerate(("red", "blue")):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            pixels = generator.integers(0, 120, (32, 32, 3)).astype(np.uint8)
            pixels[..., 2 * channel] += 120
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def _model(folder: Path) -> None:
    """A BERT of a few thousand untrained weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    letters = {text: number for number, text in enumerate(["[UNK]", "[PAD]", *"abcdefghijklmnopqrstuvwxyz"])}
    words = Tokenizer(models.WordLevel(letters, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(letters), **shape)).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
