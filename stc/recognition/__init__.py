"""Face recognisers, run as they are: canvas faces -> embeddings, and the map before them.

What evaluation judges with and protection makes templates from; it needs neither.
"""
