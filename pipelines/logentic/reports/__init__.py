"""What people read: progress, summary, status, answers. Reads published tables and the state folder's notes only."""
