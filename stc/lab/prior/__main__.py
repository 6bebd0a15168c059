"""`python -m stc.lab.prior`."""

from stc.lab.extra import run_command

if __name__ == "__main__":
    run_command("stc.lab.prior.command")
