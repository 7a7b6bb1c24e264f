"""wsgi.input: its methods, where it ends, and that it holds this request's body and nothing else."""
