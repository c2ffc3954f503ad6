"""Show the published file in a browser: pages of panels, served on this machine."""
