"""Calibrating Reasoning in Language Models with Internal Consistency (2024).

* `method.py`: Internal consistency: confidence in an answer is how many layers already agree with it.
* `lens.py`: What each layer of SmolLM2 would answer: its hidden value through the final norm and the output head.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: sampled rationales, other models.
"""
