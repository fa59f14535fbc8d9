"""What to run: spec, plan, stages, run, command line. Joins the method, the physics, the cluster and the results."""
