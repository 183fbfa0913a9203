"""Lessons as values: what is said and shown, and questions whose answers come from graphs."""
