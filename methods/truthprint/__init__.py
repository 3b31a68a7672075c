"""Truthprint, a published system.

TruthPrInt: Mitigating LVLM Object Hallucination Via Latent Truthful-Guided Pre-Intervention (2025, arXiv:2503.10602).

* `method.py`: TruthPrInt: a probe on hidden values doubts a thing that is about to be named, and the sentence is
  taken back.
* `drafts.py`: Sentences that SmolLM2 finishes, and what it looked like inside when it was about to name a thing.
* `probe.py`: A linear probe on hidden values that says how likely the next thing named is false, and its transfer
  elsewhere.
* `claims.py`: What the paper claims, as inequalities over stored results.
"""
