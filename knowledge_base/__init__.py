"""What is known: error patterns, runbooks and past incidents."""
