"""Whole configurations of a model against each other, as a published benchmark had them."""
