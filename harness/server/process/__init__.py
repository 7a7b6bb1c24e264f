"""The processes of a server: supervisor, signals and environment."""
