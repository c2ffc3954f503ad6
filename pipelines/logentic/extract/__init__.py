"""Plan windows, read them until they are complete, and compare them with what is stored."""
