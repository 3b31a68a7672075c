"""Well-Read Students Learn Better: On the Importance of Pre-training Compact Models (2019, arXiv:1908.08962).

* `method.py`: Well-read students learn better: a compact transformer, pre-trained before it is distilled.
* `compact_bert.py`: A BERT small enough to train from nothing: its vocabulary, masked-LM pre-training, and mean
  vectors of texts.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: other sizes, and the fine-tuning of *pd* on labels, which the paper calls optional.
"""
