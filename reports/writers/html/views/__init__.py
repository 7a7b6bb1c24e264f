"""The views of the page: one module each, with a `VIEW`. See view.py."""
