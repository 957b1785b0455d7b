"""Stable Diffusion 2.1 out of diffusers' own parts."""
