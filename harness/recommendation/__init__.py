"""Search the server, its settings and its front for the app of the user. The types are in harness/model."""
