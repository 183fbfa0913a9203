"""Photographs into a network, features out of it: the only use of NumPy and Pillow in the core."""
