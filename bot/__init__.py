"""What people see and say: Slack, the local workspace, the `mayday` command line; and what starts the rest."""
