"""The frame around all panels."""
