"""The list of architectures to start from."""
