"""Gate's REST API as pure functions: requests built, answers read. One module for each part of it."""
