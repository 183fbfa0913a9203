"""Graphs as code: what `keras_code` and `torch_code` have in common."""
