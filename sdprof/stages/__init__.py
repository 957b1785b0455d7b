"""The chapters of the audit, one file each, in the order in which ``pipeline`` tells them."""
