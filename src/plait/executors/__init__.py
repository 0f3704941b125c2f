"""Where components run. An executor knows no plan: it gets a job and says how it ended."""
