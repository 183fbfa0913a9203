"""Declared parameters as ipywidgets."""
