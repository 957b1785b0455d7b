"""What the steps collect, select and carry on."""
