"""Small tasks that a network learns in a minute, with data that are made on the spot."""
