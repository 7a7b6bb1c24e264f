"""Cases, attempts and verdicts: everything between a request and the result of a cell."""
