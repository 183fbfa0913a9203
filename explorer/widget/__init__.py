"""The explorer on screen."""
