"""Plan windows, read them until they are complete, and compare them with the stored records."""
