"""The editor of single blocks."""
