"""One module for each output file."""
