"""The command line: options, commands, help texts and exit codes."""
