"""A job's life: accepted, run, resumed, waited for, told about, kept and deleted."""
