"""The reference app: runs inside the server under test. Stdlib only, Python 3.8 and PyPy too, imports nothing of ours."""
