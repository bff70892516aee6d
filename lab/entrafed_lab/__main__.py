"""`python -m entrafed_lab`: the same as the command `entrafed-lab`."""

from .cli import main

if __name__ == "__main__":
    main()
