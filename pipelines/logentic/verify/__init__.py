"""Compare stored rows with the totals that the API announces."""
