"""Optics of patterned thin films: layer stacks in, reflection, transmission and absorption out.

Conventions, everywhere in this package:

- lengths in nm, angles in degrees; inside the solvers lengths are in units of 1/k0 and wavevectors in units of k0;
- time factor exp(-i omega t): an absorbing medium has Im n > 0;
- layers are listed from top to bottom; light falls from above and z grows downwards;
- an image is a row-major uint8 array of 0 and 1, row = y, column = x, white = 1, one period of a square lattice;
- polarisation axis: index 0 is s (E across the plane of incidence), index 1 is p. At normal incidence the plane of
  incidence is the one that contains z and the azimuth, so at azimuth 0 s is E along y and p is E along x.
"""
