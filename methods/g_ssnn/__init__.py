"""Symbolic Synthesis of Neural Networks (2023, arXiv:2303.03340).

* `method.py`: Graph-based symbolically synthesised neural networks: discrete features that come from a synthesised
  program.
* `networks.py`: A small convolutional encoder, and the graph network whose discrete features come from a synthesised
  graph.
* `program_search.py`: Search for programs that build new graphs, and a language that grows by what good programs
  share.
* `programs.py`: Programs that build graphs: the language of graph-based symbolically synthesised networks, and what
  runs it.
* `claims.py`: What the paper claims, as inequalities over stored results.
"""
