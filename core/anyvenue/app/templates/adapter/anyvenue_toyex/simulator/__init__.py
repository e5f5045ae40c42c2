"""A simulated ToyEx, written from the venue's documents: it knows nothing of the adapter."""
