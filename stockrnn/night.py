"""The night: the order of its steps, and how it went."""
