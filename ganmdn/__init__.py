"""The method: microstructures, GAN, MDN and other inverse models, baselines, metrics. Tensors in, tensors out."""
