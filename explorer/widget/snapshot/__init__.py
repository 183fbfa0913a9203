"""A design as a page of its own."""
