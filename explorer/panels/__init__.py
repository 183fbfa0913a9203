"""One file per panel that needs the Keras process: its view, what it asks, what it answers."""
