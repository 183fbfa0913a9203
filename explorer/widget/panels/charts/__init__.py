"""Charts of the layers."""
