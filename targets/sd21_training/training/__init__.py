"""One step of training the UNet."""
