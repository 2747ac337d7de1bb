"""The visual layer: tags, page frame, templates with sample contexts, and how they look and read in a browser."""
