"""Bias Loss for Mobile Neural Networks (2021, arXiv:2107.11170).

* `method.py`: Bias loss, a cross-entropy that trusts samples with varied features more, and SkipNet, the mobile
  network it is for.
* `networks.py`: SkipNet: a mobile network whose later stages also read its first block, and the weights of the bias
  loss.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: ImageNet, the ResNet, DenseNet and ShuffleNet rows.
"""
