"""Hello Web: a small generator of static sites, with nothing but Python's standard library."""
