"""A simulated GaiaEx, written from its documents alone: nothing of the adapter beside it is used here."""
