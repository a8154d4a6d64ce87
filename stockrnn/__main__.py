"""`python -m stockrnn` is the same as `stockrnn`."""

from stockrnn.cli import main

if __name__ == "__main__":  # a process that trains reads this file, too
    main()
