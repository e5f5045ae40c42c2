"""The behaviours, a module for each subject. Their names read as sentences; asserts in them say what was found."""
