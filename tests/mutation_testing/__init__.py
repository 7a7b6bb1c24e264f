"""Mutation testing of the catalogue: hundreds of small faults in the reference server, made by a tool.

The mutants in tests/reference_server/mutants are faults that somebody thought of. These are faults that nobody thought
of. Each one changes one operator, constant or statement of the reference server. A mutant that changes the bytes on the
wire and passes every case shows a gap of the catalogue.

    operators.py     the changes, from source text to source text
    differential.py  says whether a mutant that passed differs on the wire
    score.py         runs the catalogue against each mutant until a case finds it
    survivors.toml   what is known of the mutants that no case finds
    __main__.py      the command line: python -m tests.mutation_testing --help
"""
