"""Measurements: ratios against peers in one run, and the full counts behind the promises."""
