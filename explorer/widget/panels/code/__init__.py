"""The design as text for other programs, and what the last edit changed in it."""
