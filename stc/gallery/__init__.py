"""Encoding many faces: batches of rows, tar files of pictures, worker processes, progress bars."""
