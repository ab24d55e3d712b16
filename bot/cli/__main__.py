"""`python -m bot.cli` is `mayday`; the supervisor starts its processes this way."""

from bot.cli.main import main

if __name__ == "__main__":
    main()
