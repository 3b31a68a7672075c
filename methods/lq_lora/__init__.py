"""LQ-LoRA, a published system.

LQ-LoRA: low-rank plus quantized matrix decomposition for efficient language model finetuning (2023,
arXiv:2311.12023).

* `method.py`: LQ-LoRA: every matrix is a fixed quantised part and a low-rank part, with bit-widths from an integer
  program.
* `low_rank_split.py`: A matrix as a normal-float part and a low-rank part, and which of many matrices gets how many
  bits (LQ-LoRA).
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: quantised embeddings, 432 configurations, models of billions of weights.
"""
