"""What makes the documentation site: generated parts of pages, and pages made ready for the site generator."""
