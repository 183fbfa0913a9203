"""Questions to Keras, and how their answers are to be had, as values."""
