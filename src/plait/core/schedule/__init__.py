"""Scheduling: facts in, commands out; no clock, no I/O, no user's value."""
