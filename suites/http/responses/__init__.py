"""Responses: how the server sends the app's responses and its own."""
