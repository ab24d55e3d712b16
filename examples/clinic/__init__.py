"""A small clinic: real processes that call each other over loopback, write logs, and can be given a bad release."""
