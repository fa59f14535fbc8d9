"""A simulator, an inverse model and an optimiser that plug into GAN-MDN campaigns."""
