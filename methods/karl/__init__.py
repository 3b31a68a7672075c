"""Single-pass Adaptive Image Tokenization for Minimum Program Search (2025, arXiv:2507.07995).

* `method.py`: KARL: a tokenizer that is told an error and decides in one pass how many tokens an image needs for it.
* `tokenizer.py`: A transformer that turns a small grey image into a row of discrete tokens and back, and the two ways
  to train it.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: the later stage with perceptual and adversarial losses.
"""
