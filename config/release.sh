#!/bin/sh
# What a new version needs before its processes start. Safe to repeat, and while the old version is running.
set -e
python manage.py release
python manage.py collectstatic --noinput --verbosity 0
# Procfile runners such as honcho start every line and stop all of them when one ends: keep running under one.
if [ -n "$HONCHO_PROCESS_NAME$PS" ]; then
    echo "The release step is done."
    exec sleep infinity
fi
