"""Photo restoration with one generative diffusion prior."""

__version__ = "0.1.0"
