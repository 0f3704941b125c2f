"""Planning: names, versions and order are bound once, before anything runs."""
