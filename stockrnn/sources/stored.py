"""The store itself as a source: a run downloads nothing and works on the prices that are there."""

from stockrnn.sources.source import Source

SOURCE = Source(name="stored", title="the store")
