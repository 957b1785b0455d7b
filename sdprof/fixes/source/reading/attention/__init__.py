"""Attention in its spellings: products, masks, and what stands between."""
