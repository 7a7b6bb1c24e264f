"""One module for each output, with its `OUTPUT`. The options of the commands come from them.

The modules are imported for every `--help`. So each imports its writer only when it writes; a test checks this.
"""
