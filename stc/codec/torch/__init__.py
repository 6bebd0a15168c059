"""The codec in torch: modules that the laboratory trains, and the engine that runs on GPUs."""
