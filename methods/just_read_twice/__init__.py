"""just_read_twice.

* `method.py`: Just read twice: repeat the context (JRT-Prompt), or read it once in both directions (JRT-RNN).
* `prefix_attention.py`: Linear attention that reads a prefix in both directions once: the JRT-RNN of
  arXiv:2407.05483, section 4.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: the masked-token loss on the prefix (tokens of a random set cannot be predicted), language models, sets of
hundreds of tokens, and the paper's training of 48 epochs.
"""
