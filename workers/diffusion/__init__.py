"""The engine `diffusers`: real models, drawn by stock pipelines of that library. Needs the extra `worker`."""
