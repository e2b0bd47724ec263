"""The functions of `ops` that NumPy has too, filled in by `namespaces`."""
