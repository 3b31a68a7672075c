"""Matryoshka Representation Learning (2022, arXiv:2205.13147).

Also: 2D Matryoshka Sentence Embeddings (2024, arXiv:2402.14776).

* `adaptive_retrieval.py`: Adaptive retrieval (Kusupati et al., arXiv:2205.13147, section 4.3): find with few
  dimensions, rank with all.
* `features.py`: Matryoshka representation learning on frozen features: a linear map whose every prefix is an
  embedding.
* `image.py`: Matryoshka representation learning on images: one vector whose every prefix is an embedding.
* `text.py`: Matryoshka representation learning on text: one vector whose every prefix is an embedding.
* `two_dimensional.py`: Two-dimensional Matryoshka sentence embeddings: one encoder that may be cut in layers and in
  dimensions.
* `claims_features.py`: What the paper claims, as inequalities over stored results.
* `claims_image.py`: What the paper claims, as inequalities over stored results.
* `claims_text.py`: What the paper claims, as inequalities over stored results.
* `claims_two_dimensional.py`: What the paper claims, as inequalities over stored results.

Left out: adaptive classification by a cascade of sizes; training from nothing and the lower layers of text encoders
(too dear here); the loss with one shared classifier on text, which needs classes (MRL-E); the funnel of several
shortlists.
"""
