"""The laboratory: trains models, measures and attacks them. Nothing outside it imports it."""
