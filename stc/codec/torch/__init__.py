"""The codec in torch: the modules that are trained, and the engine for GPUs."""
