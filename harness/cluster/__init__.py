"""Load from several machines: generator processes, slow clients and servers on the workers of a dask cluster."""
