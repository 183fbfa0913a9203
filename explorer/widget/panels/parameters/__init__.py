"""The controls of the architecture and its input."""
