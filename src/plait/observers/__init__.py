"""Observers: objects that are told a run's events and show, log or keep them."""
