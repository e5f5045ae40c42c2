"""A stand-in for Gate's futures servers, written from Gate's documents alone."""
