"""What is seen: a folder for each panel, with its halves in Python and in the browser."""
