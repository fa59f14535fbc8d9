"""Single checks of a machine, for ``campaign.doctor.diagnose``."""
