"""The design as a link and as files, and designs from both."""
