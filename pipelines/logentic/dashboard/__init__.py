"""What people look at: pages of panels over the published file, served on this machine. Next: serve.py, pages.py."""
