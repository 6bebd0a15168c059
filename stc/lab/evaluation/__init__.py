"""What survives the codec: verification after compression, by recognisers, on named data."""
