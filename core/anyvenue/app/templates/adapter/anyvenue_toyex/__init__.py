"""ToyEx for anyvenue: an adapter, and a simulator of the venue."""
