"""What a command may cost before it does anything: measured in a new process."""

import resource
import subprocess
import sys

import pytest
from sampled import sample

HEAVY = ("tensorflow", "keras", "yfinance", "prefect", "matplotlib")


def _run(words, code_after=""):
    code = (
        "import sys\n"
        f"sys.argv = ['stockrnn', *{words!r}]\n"
        "from stockrnn.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('IMPORTED', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        *sample(
            [
                ["prices", "update", "--source", "simulated"],
                ["sql", "--list"],
                ["sql", "price_health"],
                ["prices", "import", "prices.csv", "--ticker", "META"],
                ["--help"],
            ],
            first=1,
        ),
    ],
    ids=" ".join,
)
def test_commands_that_train_nothing_do_not_pay_for_training(price_file, cli, words):
    assert cli("prices", "import", price_file, "--ticker", "META").code == 0
    assert _run(words) == []


def test_help_answers_within_a_second():
    def spent():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)  # whatever else the machine does
        return used.ru_utime + used.ru_stime

    seconds = []
    for _ in range(3):
        before = spent()
        subprocess.run([sys.executable, "-m", "stockrnn", "--help"], capture_output=True, check=True)
        seconds.append(spent() - before)
    assert min(seconds) < 1
