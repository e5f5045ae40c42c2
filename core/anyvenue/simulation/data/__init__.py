"""Recorded market data that ships with anyvenue: LICENSE.txt says whence, make_tape how it was cut."""
