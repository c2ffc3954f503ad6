"""Build the models and run their checks."""
