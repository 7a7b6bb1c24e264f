"""The parts of the page as values for the templates."""
