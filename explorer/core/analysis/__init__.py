"""What a graph's layers cost, how far they see, how they are linked, what differs between two."""
