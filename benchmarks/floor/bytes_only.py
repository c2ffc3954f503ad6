"""The floor of fetching: every page once, thrown away. In, out: see fetching.py."""

from fetching import pages

if __name__ == "__main__":
    print(sum(len(body) for _, body in pages()))
