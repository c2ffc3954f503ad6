"""Write the marts of FILE in the formats of data lakes."""
