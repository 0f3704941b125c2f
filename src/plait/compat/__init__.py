"""Doors for code that was written for other libraries. Nothing here is loaded unless it is imported by name."""
