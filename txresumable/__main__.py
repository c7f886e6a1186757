"""``python -m txresumable`` is ``txresumable``."""

from .command import main

if __name__ == "__main__":  # pragma: no branch
    main()
