"""What the host makes and copies, and how the device would make it itself."""
