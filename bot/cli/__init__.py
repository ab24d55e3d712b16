"""The `mayday` command line: one file per group of commands, thin over the rooms below."""
