"""The lesson: what is said, asked and answered, beside what it speaks of."""
