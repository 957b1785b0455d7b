"""Stable Diffusion 2.1, text to image: the published structure, parameter names and habits."""
