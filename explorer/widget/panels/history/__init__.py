"""The steps that led to the present design."""
