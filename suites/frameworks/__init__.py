"""WSGI's promise, any app on any server: apps written with five frameworks, through their own requests and answers."""
