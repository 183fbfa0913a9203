"""What a layer sees of a picture."""
