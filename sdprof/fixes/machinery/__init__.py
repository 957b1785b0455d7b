"""What fixes are built from: trial calls, packed weights, caches, and so on. Imported only where a fix is applied."""
