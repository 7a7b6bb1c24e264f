"""Pure functions that compute what the reports show."""
