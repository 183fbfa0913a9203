"""What lessons show: small grids of numbers, and windows that slide over them."""
