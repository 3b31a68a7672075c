"""falcon.

* `method.py`: FALCON: registers that take up what a crop shows, so that they alone leave the encoder, and talk across
  crops.
* `networks.py`: A transformer that encodes the crops of a canvas with registers (FALCON), and the heads that read
  what leaves it.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: language, pre-training, and the thumbnail of the whole image, whose tokens come on top of the paper's
compression.
"""
