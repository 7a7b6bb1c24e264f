"""Make the pages of the documentation site that follow from the code. See hooks.py."""
