"""Where bars come from: price files and the simulated market."""
