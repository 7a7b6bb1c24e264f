"""The test app, which runs inside the server under test: the standard library only, Python 3.8 or newer, and PyPy."""
