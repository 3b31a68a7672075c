"""Mona, a published system.

Task-Specific Data Selection for Instruction Tuning via Monosemantic Neuronal Activations (2025, arXiv:2503.15573).

* `method.py`: MONA: training data chosen by monosemantic neuronal activations.
* `ngram_importance.py`: Importance weights of hashed n-grams (DSIR; Xie et al., arXiv:2302.03169), without its
  resampling noise.
* `kit/topk_autoencoder.py`: A TopK sparse autoencoder of activations: of all latents, each activation keeps its k
  largest.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: decoders of language, for which a pass takes minutes here; a mixture of several targets.
"""
