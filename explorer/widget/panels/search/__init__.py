"""Budgets in, the best designs out."""
