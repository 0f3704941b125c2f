"""Reports: folds of a run's log. The same from a live run, a stored one or a simulated one."""
