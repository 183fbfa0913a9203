"""What layers make of a picture."""
