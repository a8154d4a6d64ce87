"""Where prices come from: one file or folder per source and their registry, and the reader of price files."""
