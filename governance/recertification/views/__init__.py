"""Pages of recertification."""
