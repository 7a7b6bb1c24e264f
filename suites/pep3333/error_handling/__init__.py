"""When the app breaks: what the client gets, what is logged, and that the server lives on."""
