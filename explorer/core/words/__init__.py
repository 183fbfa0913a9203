"""What is written of layers and blocks."""
