"""start_response(): its arguments, the time when headers are sent, and replacing them with exc_info."""
