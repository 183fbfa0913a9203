"""Many architectures: which there are, what each has, and which of them nothing is better than."""
