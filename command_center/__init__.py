"""What is decided and done: incidents, changes, recovery, health, notification, access, a wing each."""
