"""A folder whose tables a Spark engine builds."""
