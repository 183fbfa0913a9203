"""The network on screen learns a small task."""
