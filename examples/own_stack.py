"""Light through a stack of one's own: no campaign, no files, the solver alone."""

import numpy as np

from photonics.materials import table
from photonics.rcwa import Numerics, solve
from photonics.stack import PatternLayer, Stack, UniformLayer

if __name__ == "__main__":
    wavelength_nm = 600.0
    silica, titania = table("SiO2").index(wavelength_nm), table("TiO2").index(wavelength_nm)
    layers = (PatternLayer("pillars", 200.0, titania, 1.0), UniformLayer("film", 50.0, titania))
    stack = Stack(wavelength_nm, 400.0, 1.0, layers, silica)
    image = np.zeros((1, 32, 32), np.uint8)
    image[:, 8:24, 8:24] = 1
    solved = solve(stack, image, Numerics(orders=5))
    print(f"reflected {solved.reflection.mean():.3f}, transmitted {solved.transmission.mean():.3f}")
