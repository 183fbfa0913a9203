"""The model in Keras: rebuilt, run and timed."""
