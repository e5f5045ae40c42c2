"""The strategies that ship with anyvenue, one file each; `anyvenue run NAME` runs one with its own configuration."""
