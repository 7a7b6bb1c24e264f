"""The response body: the server accepts every iterable and sends each block complete, immediately and unchanged."""
