"""The reference server of wsgi_gauntlet.servers with one fault: its mutants, and how the tests start them."""
