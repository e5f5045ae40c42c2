"""The command line and what it needs: configuration, launching, live view, reports."""
