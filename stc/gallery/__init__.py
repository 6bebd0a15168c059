"""Many faces: batches of rows, tar files of pictures, and the processes and bars they need."""
