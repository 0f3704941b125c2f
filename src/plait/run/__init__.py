"""The shell of a run: the only code that awaits, sleeps and calls components."""
