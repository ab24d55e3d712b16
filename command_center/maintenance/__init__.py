"""Maintenance windows: planned work, in which what fails wakes nobody."""
