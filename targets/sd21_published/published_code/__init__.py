"""What the published code needs around it to run here: a place, stand-ins for imports, and a configuration."""
