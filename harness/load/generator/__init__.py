"""The generators: closed and open loops at high rates, in one process per core."""
