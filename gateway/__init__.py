"""What HTTP, the command line and the stores add around the plan: the gateway itself."""
