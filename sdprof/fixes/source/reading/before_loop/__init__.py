"""What is the same in every step: whether it may be made before the loop, and how."""
