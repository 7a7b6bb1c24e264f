"""Compare servers in interleaved rounds."""
