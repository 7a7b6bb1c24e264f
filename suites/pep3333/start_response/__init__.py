"""start_response(): its arguments, when the headers go out, and how an app changes its mind."""
