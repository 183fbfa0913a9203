"""What needs no Keras, process, thread or widget: networks as values, and what follows."""
