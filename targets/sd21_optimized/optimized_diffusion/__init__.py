"""What the article changed in the published code."""
