"""One file per view: each is given a report or a result and shows it, and knows no other view."""
