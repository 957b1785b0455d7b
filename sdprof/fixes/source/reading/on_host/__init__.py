"""Values of the device that the host knows, or could have known: twins, copies, and where they come from."""
