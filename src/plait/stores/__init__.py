"""Where things are kept. A store knows no pipeline."""
