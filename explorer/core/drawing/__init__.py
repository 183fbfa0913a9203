"""A graph as a picture: boxes and links, written in Graphviz' language."""
