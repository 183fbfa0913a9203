"""What the words on screen mean, where they stand."""
