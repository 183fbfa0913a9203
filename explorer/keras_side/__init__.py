"""Graph to Keras model and back, its weights, backends, timing and memory: what imports Keras."""
