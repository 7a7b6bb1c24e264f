"""The parts of the page as values: what the templates then only lay out."""
