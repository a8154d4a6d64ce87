"""`python -m stockrnn` is the same as `stockrnn`."""

from stockrnn.cli import main

main()
