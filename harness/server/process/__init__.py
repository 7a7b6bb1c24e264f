"""The processes of a server: supervisor, logs and the environment that they run in."""
