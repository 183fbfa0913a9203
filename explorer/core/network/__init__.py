"""What a network is: parameters, layers, blocks, and the graph that they mean."""
