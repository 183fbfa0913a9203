"""What that process does: a file for each kind of question."""
