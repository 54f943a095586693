"""What `benches/figures` and `benches/million` are made of."""
