"""Foresees when something that fills up will be full; see `models.forecast.watch`."""
