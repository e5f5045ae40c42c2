"""What every test runs under: the same examples on every machine, and no clock in judging them."""

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, database=None, max_examples=1000, print_blob=True)
settings.load_profile("same")  # `pytest --hypothesis-profile=search` looks further, with fresh randomness
