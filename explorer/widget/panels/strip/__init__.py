"""The network along its depth."""
