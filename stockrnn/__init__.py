"""stockrnn: a nightly batch that forecasts the next session's price and keeps honest books about it."""

__version__ = "0.1.0"
