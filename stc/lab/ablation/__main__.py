"""`python -m stc.lab.ablation`."""

from stc.lab.extra import run_command

if __name__ == "__main__":
    run_command("stc.lab.ablation.command")
