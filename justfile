# Recipes for https://just.systems. `just` lists them.

export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")

_default:
    @just --list

# Create the virtual environment with everything for development
install:
    python3 -m venv .venv
    pip install --require-hashes -r constraints.txt -r constraints-dev.txt

# Prepare everything and start the product on this machine
run *options:
    python manage.py quickstart {{ options }}

# Run the tests, or those of a path
test *paths:
    python -m pytest {{ paths }}

# Linters, types and import contracts
lint:
    ruff check .
    ruff format --check .
    djlint --quiet --check .
    djlint --quiet --lint .
    lint-imports
    mypy
    mypy --config-file apps/sandbox/mypy.ini

# Everything that must hold before a change goes in, on SQLite and on PostgreSQL
check:
    .ci/run

# Write the constraints files after a change of pyproject.toml
lock *options:
    python .ci/lock {{ options }}

# Screenshots of every page in both themes and at two widths, with demonstration data
screenshots folder="var/screenshots":
    python -m tests.screenshots {{ folder }} --axe
