"""`python -m service` is the `hornbeam-serve` command."""

from service.cli import main

if __name__ == "__main__":
    main(prog_name="hornbeam-serve")
