"""`python -m wsgi_gauntlet`: the command `wsgi-gauntlet`."""

from wsgi_gauntlet.harness.cli.main import main

if __name__ == "__main__":
    main()
