"""Where tables live and how they are published."""
