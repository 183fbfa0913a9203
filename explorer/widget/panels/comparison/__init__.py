"""Two networks beside each other."""
