"""What bytes go over: sockets, TLS, pipes to a handler without a socket."""
