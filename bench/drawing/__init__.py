"""Drawing with a real model: our step loop beside the plain diffusers call. Needs the extra `worker`."""
