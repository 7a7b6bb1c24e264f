"""The reference app: runs inside the server under test. Stdlib only (but for flask_app), Python 3.8 and PyPy too."""
