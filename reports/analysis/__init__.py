"""Pure functions that compute the contents of the reports."""
