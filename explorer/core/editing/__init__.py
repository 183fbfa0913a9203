"""The present design, the steps that led to it, and what all views show together."""
