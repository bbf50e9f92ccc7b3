"""A model of Qwen-Image's architecture, small enough to be trained, kept and run on a CPU."""
