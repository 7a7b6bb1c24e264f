"""wsgi.input: its methods, its end, and its content, which is the body of this request and nothing else."""
