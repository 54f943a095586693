"""What `tests/run` is made of: parts, what they need installed, and the parts themselves."""
