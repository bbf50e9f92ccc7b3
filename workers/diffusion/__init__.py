"""The engine `diffusers`: real models, drawn by the stock pipelines of the library of that name. Needs the extra `worker`."""
