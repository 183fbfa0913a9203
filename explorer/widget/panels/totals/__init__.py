"""The network in a few figures."""
