"""Slack: what is said is understood, authorised, kept and acknowledged; workers and the outbox do the rest."""
