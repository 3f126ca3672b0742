"""`python -m hotlined` is `hotlined`."""

from hotlined.cli import main

if __name__ == "__main__":
    main(prog_name="hotlined")
