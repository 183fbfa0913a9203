"""Numbers as they are written in small grids."""

from fractions import Fraction


def number_text(value: Fraction | float, digits: int = 2) -> str:
    """Return a number with at most so many decimals, and a minus sign where it is below 0."""
    text = f"{abs(float(value)):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if digits else text
    return f"−{text}" if value < 0 and text != "0" else text
