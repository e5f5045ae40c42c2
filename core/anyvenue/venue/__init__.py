"""The plugin interface: what a venue supplies, what it can do, and how it is found."""
