"""One strategy, any venue: trading of crypto perpetual futures against a venue-neutral core."""
