"""Architectures from and to files."""
